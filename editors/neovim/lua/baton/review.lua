--- Shows an edit before anything changes: a tab in diff mode whose right side is what will be accepted. Hunks are taken
--- back with Neovim's own keys, or edited; the request of the server is answered when the user has decided.
local api = vim.api
local text_of = require("baton.apply").text
local M = {}

local KEYS = "ga accept · q reject · ]c [c next hunk · do take a hunk back"
local ANYWAY = "Apply unverified edit"
--- The reviews that are not decided, by client and job.
local open = {}

--- A file as people name it.
local function name_of(uri) return vim.fn.fnamemodify(vim.uri_to_fname(uri), ":~:.") end

--- The review in this tab.
local function current()
  for _, review in pairs(open) do
    if review.tab == api.nvim_get_current_tabpage() then return review end
  end
end

--- Answers the server, and closes what was shown.
local function decide(review, result)
  if open[review.key] ~= review then return end
  open[review.key] = nil
  local here = review.tab == api.nvim_get_current_tabpage()
  -- Their windows and the tab close with them.
  for _, buffer in ipairs(review.buffers) do
    pcall(api.nvim_buf_delete, buffer, { force = true })
  end
  if here and api.nvim_win_is_valid(review.from) then api.nvim_set_current_win(review.from) end
  coroutine.resume(review.asking, result or vim.NIL)
end

--- Shows the file of this number, and what there is to know of it; they go round.
local function turn(review, number)
  review.at = (number - 1) % #review.files + 1
  local file = review.files[review.at]
  api.nvim_win_call(review.right, function() vim.cmd("diffoff!") end)
  for window, buffer in pairs({ [review.left] = file.left, [review.right] = file.right }) do
    api.nvim_win_set_buf(window, buffer)
    vim.wo[window].winbar = buffer == file.left and " before" or " what you accept"
    api.nvim_win_call(window, function() vim.cmd("diffthis") end)
  end
  local first = file.hunks[1] and file.hunks[1].range.start.line + 1 or 1
  api.nvim_win_set_cursor(review.right, { math.min(first, api.nvim_buf_line_count(file.right)), 0 })
  local to = file.newUri and name_of(file.newUri) or ""
  local fates = { created = " · new file", deleted = " · deleted", moved = " · moved to " .. to }
  local lines = {
    ("%s · %s%s"):format(review.label, review.verified and "" or "NOT VERIFIED · ", review.verdict),
    ("%s · $%.4f · %.1f s · run %s"):format(review.message:match("^[^\n]*"), review.usd, review.ms / 1000, review.run),
    ("%d/%d %s%s"):format(review.at, #review.files, name_of(file.uri), fates[file.fate] or ""),
    KEYS .. (#review.files > 1 and " · ]f [f next file" or ""),
  }
  if file.asked then table.insert(lines, 4, file.asked) end
  vim.bo[review.head].modifiable = true
  api.nvim_buf_set_lines(review.head, 0, -1, true, vim.tbl_map(function(line) return (line:gsub("%c", " ")) end, lines))
  vim.bo[review.head].modifiable = false
  local mark = { line_hl_group = review.verified and "Title" or "WarningMsg" }
  api.nvim_buf_set_extmark(review.head, api.nvim_create_namespace("baton"), 0, 0, mark)
  api.nvim_win_set_height(review.above, api.nvim_win_text_height(review.above, {}).all)
end

--- A buffer of the review's own with this text, which cannot be undone to nothing.
local function buffer_of(review, side, text, path)
  local buffer = api.nvim_create_buf(false, true)
  table.insert(review.buffers, buffer)
  api.nvim_buf_set_name(buffer, ("baton://%s/%s/%s"):format(review.key, side, path))
  local dos = text:find("\r\n", 1, true) and not text:gsub("\r\n", ""):find("[\r\n]")
  local lines = vim.split(text, dos and "\r\n" or "\n", { plain = true })
  if #lines > 1 and lines[#lines] == "" then table.remove(lines) end
  vim.bo[buffer].undolevels, vim.bo[buffer].fileformat = -1, dos and "dos" or "unix"
  api.nvim_buf_set_lines(buffer, 0, -1, true, lines)
  vim.bo[buffer].undolevels, vim.bo[buffer].endofline = vim.go.undolevels, vim.endswith(text, "\n")
  vim.bo[buffer].modifiable = side == "after"
  vim.bo[buffer].filetype = path ~= "" and vim.filetype.match({ filename = path, buf = buffer }) or ""
  local function key(keys, about, run) vim.keymap.set("n", keys, run, { buffer = buffer, nowait = true, desc = about }) end
  key("ga", "Accept the edit", M.accept)
  key("q", "Reject the edit", M.reject)
  key("]f", "Next file", function() turn(review, review.at + 1) end)
  key("[f", "Previous file", function() turn(review, review.at - 1) end)
  return buffer
end

local function show(review)
  if open[review.key] ~= review then return end
  local here, other = api.nvim_get_current_tabpage(), current()
  review.from = api.nvim_get_current_win()
  review.head = buffer_of(review, "head", "", "")
  for _, file in ipairs(review.files) do
    local path = name_of(file.newUri or file.uri)
    file.left, file.right = buffer_of(review, "before", file.before, path), buffer_of(review, "after", file.after, path)
  end
  vim.cmd("tab split")
  review.tab = api.nvim_get_current_tabpage()
  review.above = api.nvim_get_current_win()
  api.nvim_win_set_buf(review.above, review.head)
  review.right = api.nvim_open_win(review.files[1].right, true, { split = "below", win = review.above })
  review.left = api.nvim_open_win(review.files[1].left, false, { split = "left", win = review.right })
  vim.wo[review.above].winfixheight, vim.wo[review.above].linebreak = true, true
  turn(review, 1)
  api.nvim_create_autocmd("WinClosed", {
    pattern = vim.tbl_map(tostring, { review.above, review.left, review.right }),
    once = true,
    callback = vim.schedule_wrap(function() decide(review) end),
  })
  if not other then return end
  -- What was meant for one edit must not accept another that comes up under the fingers.
  api.nvim_set_current_tabpage(here)
  vim.notify("Baton has another edit to show, in the next tab.")
end

local function is_ready()
  return vim.list_contains({ "n", "nt" }, api.nvim_get_mode().mode) and vim.fn.getcmdwintype() == ""
end

--- What is typed into a text or a command stays there: nothing opens before the user is in Normal mode.
local function when_ready(run)
  if is_ready() then return run() end
  vim.notify("Baton has an edit to show: it comes in Normal mode.")
  api.nvim_create_autocmd("SafeState", {
    callback = function()
      if is_ready() then vim.schedule(function() when_ready(run) end) end
      return is_ready()
    end,
  })
end

local function key_of(context, params) return ("%d/%s"):format(context.client_id, params.job) end

--- Answers `baton/review`, as late as the user does.
function M.ask(_, review, context)
  review.key, review.client_id = key_of(context, review), context.client_id
  review.asking, review.buffers = coroutine.running(), {}
  open[review.key] = review
  vim.schedule(function()
    when_ready(function()
      local shown, why = pcall(show, review)
      if shown then return end
      vim.notify("Baton's edit cannot be shown: " .. why, vim.log.levels.ERROR)
      decide(review)
    end)
  end)
  return coroutine.yield()
end

--- Closes a review that is no longer wanted.
function M.dismiss(_, params, context) decide(open[key_of(context, params)] or {}) end

--- Forgets the reviews of a server that is gone; what they show, and what was written there, stays to be seen.
function M.abandon(client_id)
  for key, review in pairs(open) do
    if review.client_id == client_id then open[key] = nil end
  end
end

function M.reject()
  local review = current()
  if review then return decide(review) end
  vim.notify("Nothing that this tab shows can be accepted any more; :tabclose closes it.")
end

function M.accept()
  local review = current()
  if not review then return M.reject() end
  local files = {}
  for _, file in ipairs(review.files) do
    local text = text_of(file.right)
    -- A file that is as it was before is left out.
    if file.fate == "moved" or text ~= file.before then
      table.insert(files, { uri = file.uri, text = text ~= file.after and text or nil })
    end
  end
  local result = #files > 0 and { files = files } or nil
  if review.verified or not result then return decide(review, result) end
  vim.ui.select({ ANYWAY, "Go back" }, { prompt = "Nothing could verify this edit:" }, function(choice)
    if choice == ANYWAY then decide(review, result) end
  end)
end

return M
