-- Fixes the demo's bug through Neovim's own LSP client: `nvim --headless --clean -l fix.lua BATON FILE LINE`.
-- Prints the buffer when the edit has arrived; exits 1 with a reason otherwise.
local baton, file, line = arg[1], arg[2], tonumber(arg[3])

local function fail(reason)
  io.stderr:write(reason .. "\n")
  os.exit(1)
end

local messages = {}
vim.lsp.handlers["window/showMessage"] = function(_, params)
  table.insert(messages, params.message)
end

vim.lsp.config("baton", { cmd = { baton, "lsp" }, filetypes = { "python" }, root_dir = vim.fs.dirname(file) })
vim.lsp.enable("baton")
vim.cmd.edit(file)
vim.bo.filetype = "python"
local buffer = vim.api.nvim_get_current_buf()

local attached = vim.wait(10000, function()
  local client = vim.lsp.get_clients({ bufnr = buffer, name = "baton" })[1]
  return client ~= nil and client.initialized
end, 20)
if not attached then fail("the client did not attach") end

vim.api.nvim_win_set_cursor(0, { line, 4 })
local tick = vim.api.nvim_buf_get_changedtick(buffer)
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return action.title:find("^Fix") ~= nil end,
})
local changed = vim.wait(60000, function()
  return vim.api.nvim_buf_get_changedtick(buffer) ~= tick or #messages > 0
end, 20)
if not changed then fail("no edit and no message came") end
if vim.api.nvim_buf_get_changedtick(buffer) == tick then fail(table.concat(messages, "\n")) end

io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n")
vim.cmd.undo()
io.stdout:write("-- after one undo --\n")
io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n")
os.exit(0)
