-- A Neovim with the plugin, driven as a user drives it: its keys come from outside, through its own main loop.
-- BATON is the server's program, PLUGIN the plugin's folder, BATON_PROJECT the project's.
local M = { project = vim.env.BATON_PROJECT }

local PATIENCE = 60000
local channel

function M.lua(code, ...) return vim.rpcrequest(channel, "nvim_exec_lua", code, { ... }) end

--- Types keys; what they lead to is waited for.
function M.type(keys) vim.rpcrequest(channel, "nvim_input", keys) end

local function fail(what)
  local seen = M.lua([[return { notes = _G.notes, asked = _G.asked, mode = vim.api.nvim_get_mode(), screen = vim.api.nvim_buf_get_lines(0, 0, -1, true),
    problem = vim.v.errmsg, messages = vim.fn.execute("messages"), tabs = vim.fn.tabpagenr("$") }]])
  io.stderr:write(what .. " did not come:\n" .. vim.inspect(seen) .. "\n")
  os.exit(1)
end

--- Waits until a Lua expression holds in the child, and gives its value.
function M.wait(expression, ...)
  local value
  local arguments = { ... }
  local came = vim.wait(PATIENCE, function()
    value = M.lua("return " .. expression, unpack(arguments))
    return value and value ~= vim.NIL
  end, 5)
  if not came then fail(expression) end
  return value
end

--- Waits for a message to the user that contains this text.
function M.wait_note(text)
  return M.wait([[(table.concat(_G.notes, "\n") .. vim.fn.execute("messages")):find(..., 1, true)]], text)
end

--- The text of the current buffer.
function M.text() return M.lua([[return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n") .. "\n"]]) end

--- Starts it with one file open, and waits for the server.
function M.start(file, init)
  local config = vim.fs.joinpath(vim.fs.dirname(M.project), "init.lua")
  local lines = {
    ("vim.opt.runtimepath:prepend(%q)"):format(vim.env.PLUGIN),
    ('vim.lsp.config("baton", { cmd = { %q, "lsp" } })'):format(vim.env.BATON),
    'vim.lsp.enable("baton")',
    -- What a test waits for and answers.
    "_G.notes, _G.asked, _G.answers = {}, {}, {}",
    "vim.notify = function(text) table.insert(_G.notes, text) end",
    "vim.ui.select = function(items, options, done)",
    "  local titles = vim.tbl_map(function(item) return options.format_item and options.format_item(item) or item end, items)",
    "  table.insert(_G.asked, { prompt = options.prompt or '', titles = titles })",
    "  local wanted = table.remove(_G.answers, 1)",
    "  for i, title in ipairs(titles) do if wanted and title:find(wanted, 1, true) then return done(items[i], i) end end",
    "  done(nil)",
    "end",
    init or "",
  }
  vim.fn.writefile(vim.split(table.concat(lines, "\n"), "\n"), config)
  local command = { vim.v.progpath, "--embed", "--headless", "--clean", "-u", config, file }
  channel = vim.fn.jobstart(command, { rpc = true, cwd = M.project })
  M.attached()
end

function M.attached()
  M.wait([[(function()
    local client = vim.lsp.get_clients({ name = "baton", bufnr = 0 })[1]
    return client and client.initialized and not client:is_stopped()
  end)()]])
end

--- Waits for the preview; gives what is said above it.
function M.review()
  M.wait([[vim.fn.tabpagenr("$") == 2 and vim.wo.diff]])
  return M.lua([[return vim.api.nvim_buf_get_lines(vim.fn.winbufnr(1), 0, -1, true)]])
end

function M.closed() M.wait([[vim.fn.tabpagenr("$") == 1]]) end

--- Ends the child as a user does.
function M.quit()
  -- It may be gone before it could answer.
  vim.rpcnotify(channel, "nvim_input", "<C-\\><C-n>:qall!<CR>")
  vim.fn.jobwait({ channel }, PATIENCE)
end

--- Prints a fact for the test to compare.
function M.say(name, value)
  io.stdout:write(("%s: %s\n"):format(name, type(value) == "string" and value or vim.inspect(value)))
end

function M.expect(what, holds)
  if not holds then fail(what) end
end

return M
