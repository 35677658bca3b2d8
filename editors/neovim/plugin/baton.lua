--- The commands, and where progress is heard of.
if vim.g.loaded_baton then return end
vim.g.loaded_baton = true

local function command(name, about, run, more)
  vim.api.nvim_create_user_command(name, run, vim.tbl_extend("force", { desc = about }, more or {}))
end

local function baton(options) require("baton").command(options) end
local function complete(typed)
  return vim.tbl_filter(function(verb) return vim.startswith(verb, typed) end, require("baton").verbs)
end
command("Baton", "Edit, fix, refactor or ask", baton, { nargs = "*", range = true, complete = complete })
command("BatonTrust", "Let Baton run this folder's tests", baton)
command("BatonAccept", "Accept the edit that is shown", function() require("baton.review").accept() end)
command("BatonReject", "Reject the edit that is shown", function() require("baton.review").reject() end)
command("BatonCancel", "Stop what Baton is doing", function() require("baton").cancel() end)
command("BatonRuns", "Show what Baton did", function() require("baton").runs() end)
command("BatonRestart", "Start Baton's server again", function() require("baton").restart() end)

vim.api.nvim_create_autocmd("LspProgress", {
  callback = function(event) require("baton").progressed(event.data.client_id, event.data.params) end,
})
