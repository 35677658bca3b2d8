--- What the commands do, and what the statusline says.
local api = vim.api
local M = { verbs = { "ask", "fix", "refactor" } }

--- What cannot begin without words, and how they are asked for.
local WORDS = { ["baton.edit"] = "Edit: ", ["baton.refactor"] = "Refactor: ", ["baton.ask"] = "Ask: " }
--- A server that ends so often within so many milliseconds is not started again.
local OFTEN, WITHIN = 3, 60000

--- What a client's server said of itself last.
local status = {}
--- The jobs that run, by client and name: what they are called, what they said last.
local jobs = vim.defaulttable()
--- When servers ended unexpectedly.
local ends = {}

--- Calls a command of the server, after asking for the words that it needs.
function M.execute(client, buffer, command, argument)
  if WORDS[command] and not argument.instruction then
    vim.ui.input({ prompt = WORDS[command] }, function(words)
      if not words or vim.trim(words) == "" then return end
      M.execute(client, buffer, command, vim.tbl_extend("force", argument, { instruction = words }))
    end)
    return
  end
  client:request("workspace/executeCommand", { command = command, arguments = { argument } }, function(problem)
    if not problem then return end
    vim.notify(problem.message, vim.log.levels.WARN)
    if type(problem.data) == "table" and problem.data.untrusted then
      M.execute(client, buffer, "baton.trust", { textDocument = argument.textDocument })
    end
  end, buffer)
end

--- `:[range]Baton [ask|fix|refactor] [words]`, and `:BatonTrust`.
function M.command(options)
  local client = vim.lsp.get_clients({ name = "baton", bufnr = 0 })[1]
  if not client then return vim.notify("Baton is not attached to this buffer; :checkhealth baton says why.") end
  local verb, words = options.args:match("^(%l+)%s*(.*)$")
  if not vim.list_contains(M.verbs, verb) then
    verb, words = options.args == "" and "fix" or "edit", options.args
  end
  local argument = vim.lsp.util.make_range_params(0, client.offset_encoding)
  if options.range > 0 then
    argument.range.start = { line = options.line1 - 1, character = 0 }
    argument.range["end"] = { line = options.line2, character = 0 }
  end
  argument.instruction = words ~= "" and words or nil
  M.execute(client, api.nvim_get_current_buf(), "baton." .. (options.name == "BatonTrust" and "trust" or verb), argument)
end

function M.cancel()
  for client_id, running in pairs(jobs) do
    for job in pairs(running) do
      vim.lsp.get_client_by_id(client_id):notify("window/workDoneProgress/cancel", { token = job })
    end
  end
end

--- Shows a text in a window of its own, which does not take the keys from where the user types.
local function page(title, words, filetype)
  local buffer = api.nvim_create_buf(false, true)
  api.nvim_buf_set_lines(buffer, 0, -1, true, vim.split(words, "\n"))
  vim.bo[buffer].modifiable, vim.bo[buffer].bufhidden = false, "wipe"
  local window = api.nvim_open_win(buffer, false, { split = "below", win = -1 })
  vim.bo[buffer].filetype = filetype
  vim.wo[window].winbar = (" " .. title .. " (q closes)"):gsub("%%", "%%%%"):gsub("%c", " ")
  vim.wo[window].wrap, vim.wo[window].linebreak = true, true
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = buffer, desc = "Close" })
  return window
end

--- Takes `baton/answer`.
function M.answer(_, params) page(params.question, params.answer, "markdown") end

--- Shows one run whole, or lists them; `<CR>` shows the one under the cursor.
function M.runs(run)
  local config = vim.lsp.config.baton
  local command = { type(config.cmd) == "table" and config.cmd[1] or "baton", "runs", run or "--limit=100" }
  if vim.fn.executable(command[1]) == 0 then return vim.notify("Baton is not there; :checkhealth baton says what to do.") end
  vim.system(command, { text = true, env = config.cmd_env }, vim.schedule_wrap(function(result)
    if result.code ~= 0 then return vim.notify(vim.trim(result.stderr), vim.log.levels.ERROR) end
    api.nvim_set_current_win(page(run and "Run " .. run or "Baton's runs: <CR> shows one", vim.trim(result.stdout), ""))
    vim.keymap.set("n", "<CR>", function()
      local id = not run and api.nvim_get_current_line():match("^(%w+)  ")
      if id then M.runs(id) end
    end, { buffer = true, desc = "Show this run" })
  end))
end

--- Takes `baton/status`.
function M.told(_, params, context)
  status[context.client_id] = params
  vim.cmd.redrawstatus({ bang = true })
end

--- Shows a line where messages are; one that is too long would ask for a key, and so would one while a command is typed.
function M.show(line, lasting)
  if api.nvim_get_mode().mode:sub(1, 1) == "c" then return end
  api.nvim_echo({ { vim.fn.strcharpart(line, 0, math.max(vim.o.columns - 12, 1)) } }, lasting, {})
end

--- Takes a line of a job's progress.
function M.progressed(client_id, params)
  local client, value = vim.lsp.get_client_by_id(client_id), params.value
  if not client or client.name ~= "baton" then return end
  local title = value.title or (jobs[client_id][params.token] or { "Baton" })[1]
  local said = { title, value.message and (value.message:gsub("%c", " ")) }
  jobs[client_id][params.token] = value.kind ~= "end" and said or nil
  vim.cmd.redrawstatus({ bang = true })
  M.show(table.concat(said, " · "), value.kind == "end")
end

--- A line for the statusline: tier, jobs that run, the last word of one, money spent today, what is wrong.
function M.statusline()
  local client = vim.lsp.get_clients({ name = "baton", bufnr = 0 })[1]
  if not client then return "" end
  local now = status[client.id]
  local parts = { "Baton" .. (now and " " .. now.tier or "") }
  for _, said in pairs(jobs[client.id]) do
    table.insert(parts, (table.concat(said, " "):gsub("^Baton: ", "")))
  end
  if now and now.spentTodayUsd > 0 then table.insert(parts, ("$%.4f today"):format(now.spentTodayUsd)) end
  if now and now.problem and now.problem ~= vim.NIL then table.insert(parts, "problem: " .. now.problem) end
  return (table.concat(parts, " · "):gsub("%c", " "):gsub("%%", "%%%%"))
end

--- Starts the server again; the buffers are as they were.
function M.restart()
  vim.lsp.enable("baton", false)
  vim.wait(5000, function() return #vim.lsp.get_clients({ name = "baton" }) == 0 end)
  vim.lsp.enable("baton")
  M.show("Baton's server is started again.", true)
end

--- A server has ended: what it was doing is over, and it is started again unless it was stopped.
function M.ended(code, signal, client_id)
  vim.schedule(function()
    status[client_id], jobs[client_id] = nil, nil
    require("baton.review").abandon(client_id)
    if code == 0 and (signal == 0 or signal == 15) or vim.v.exiting ~= vim.NIL then return end
    table.insert(ends, vim.uv.now())
    local before = ends[#ends - OFTEN + 1]
    local often = before and vim.uv.now() - before < WITHIN
    local how = signal ~= 0 and "signal " .. signal or "code " .. code
    local what = often and "stays away: see :checkhealth baton, then :BatonRestart." or "is started again; no text is lost."
    vim.notify(("Baton's server ended (%s) and %s"):format(how, what), vim.log.levels.WARN)
    -- Neovim forgets the old client two turns later.
    if not often then vim.schedule(function() vim.schedule(function() vim.lsp.enable("baton") end) end) end
  end)
end

return M
