-- Edits from the instruction to the buffer, one scenario a call: `nvim --headless --clean -l preview.lua SCENARIO`.
local child = dofile(vim.fs.joinpath(vim.fs.dirname(arg[0]), "child.lua"))
local scenarios = {}

local function lines_changed(before)
  local now = vim.split(child.text(), "\n")
  local changed = {}
  for number, line in ipairs(vim.split(before, "\n")) do
    if now[number] ~= line then table.insert(changed, vim.trim(now[number] or "")) end
  end
  return changed
end

-- The menu offers, the preview says what was checked, `ga` accepts, `u` takes all of it back, `:w` writes.
function scenarios.accept()
  child.start("bookings.py")
  local before = child.text()
  child.lua([[_G.answers = { "Fix `merge`" }]])
  child.type("8Ggra")
  local said = child.review()
  child.say("menu", child.lua("return _G.asked[1].titles[1]"))
  child.say("above", { said[1], (said[2]:gsub(" · %$.*", "")), said[3] })
  child.expect("nothing has changed yet", child.lua("return vim.fn.getbufline('bookings.py', 8)[1]"):find("start < merged", 1, true))
  -- From the key to the changed buffer, the server's answer included.
  child.lua([[
    _G.buffer = vim.fn.bufnr("bookings.py")
    vim.on_key(function(_, typed) if typed:find("a$") then _G.accepted = vim.uv.hrtime() end end)
    vim.api.nvim_buf_attach(_G.buffer, false, { on_lines = function() _G.changed = _G.changed or vim.uv.hrtime() end })
  ]])
  child.type("ga")
  local nanoseconds = child.wait("_G.changed and _G.changed - _G.accepted")
  io.stderr:write(("accepted to changed: %.1f ms\n"):format(nanoseconds / 1e6))
  child.closed()
  child.wait("vim.bo.modified")
  child.say("changed", lines_changed(before))
  child.type("u")
  child.wait([[vim.api.nvim_buf_get_lines(0, 7, 8, true)[1]:find("start < merged", 1, true)]])
  child.expect("one undo takes all of it back", child.text() == before)
  child.type("<C-r>:w<CR>")
  child.wait("not vim.bo.modified")
end

-- `q`, and closing a window, reject.
function scenarios.reject()
  child.start("bookings.py")
  local before = child.text()
  for _, keys in ipairs({ "q", "<C-w>q", ":tabclose<CR>", ":BatonReject<CR>" }) do
    child.type(":8Baton fix<CR>")
    child.review()
    child.type(keys)
    child.closed()
    child.wait([[require("baton").statusline():find("fix", 1, true) == nil]])
    child.expect("nothing was changed by " .. keys, child.text() == before and not child.lua("return vim.bo.modified"))
  end
end

-- A hunk that is taken back is left out, and what is left is verified anew.
function scenarios.hunks()
  child.start("bookings.py")
  local before = child.text()
  child.type(":8Baton fix<CR>")
  child.review()
  child.type("G[cdo")
  child.wait([[not table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n"):find("nothing else")]])
  child.type(":BatonAccept<CR>")
  child.closed()
  child.wait("vim.bo.modified")
  child.say("changed", lines_changed(before))
end

-- What is typed where the edit was to go stands; nothing is applied over it.
function scenarios.stale()
  child.start("bookings.py")
  child.type(":8Baton fix<CR>")
  child.review()
  child.type("gt8GAx<Esc>:tabnext<CR>")
  child.wait("vim.wo.diff")
  local typed = child.lua("return vim.fn.getbufline('bookings.py', 1, '$')")
  child.type("ga")
  child.wait_note("Baton changed nothing")
  child.closed()
  child.expect("the text is as it was typed", vim.deep_equal(child.lua("return vim.fn.getbufline('bookings.py', 1, '$')"), typed))
end

-- An edit that nothing could verify says so, and is asked for twice.
function scenarios.unverified()
  child.start("notes.md")
  local before = child.text()
  child.type(":Baton say it shorter<CR>")
  local said = child.review()
  child.expect("it is called unverified", said[1]:find("NOT VERIFIED", 1, true))
  child.lua([[_G.answers = { "Go back", "Apply unverified edit" }]])
  child.type("ga")
  child.wait("#_G.asked == 1 and #_G.answers == 1")
  child.expect("it is still shown", child.lua("return vim.wo.diff"))
  child.type("ga")
  child.closed()
  child.wait("vim.bo.modified")
  child.say("changed", lines_changed(before))
end

-- Several files come together: one edited, one made, one deleted.
function scenarios.files()
  child.start("bookings.py")
  child.type(":8Baton fix<CR>")
  for number = 1, 3 do
    local said = child.review()
    child.expect("it is the next file", said[3]:find(number .. "/3", 1, true))
    child.expect("its sides are named", child.lua("return vim.wo.winbar") == " what you accept")
    child.say(said[3], #said == 5 and said[4] or "")
    child.type("]f")
    child.wait([[vim.api.nvim_buf_get_lines(vim.fn.winbufnr(1), 2, 3, true)[1]:find(...)]], number % 3 + 1 .. "/3")
  end
  child.type("ga")
  child.closed()
  child.wait_note(":wall saves its files")
  child.expect("the buffers wait for :w", child.lua("return vim.bo.modified"))
  child.type(":wall<CR>")
  child.wait("not vim.bo.modified")
end

-- While one edit is looked at, others go on; one that comes meanwhile waits in a tab of its own.
function scenarios.two()
  child.start("bookings.py")
  child.type(":8Baton fix<CR>")
  child.review()
  child.type("gt")
  child.wait("not vim.wo.diff")
  child.type(":8Baton fix again<CR>gt")
  child.wait_note("another edit to show, in the next tab")
  child.wait("vim.wo.diff and vim.fn.tabpagenr('$') == 3")
  child.type("q")
  child.wait("vim.fn.tabpagenr('$') == 2")
  child.type("2gtga")
  child.closed()
  child.wait("vim.bo.modified")
end

-- A job that is cancelled while its edit is shown takes the preview with it.
function scenarios.dismissed()
  child.start("bookings.py")
  child.type(":8Baton fix<CR>")
  child.review()
  child.type(":BatonCancel<CR>")
  child.closed()
  child.expect("nothing was changed", not child.lua("return vim.bo.modified"))
end

-- An edit does not open under the fingers of who types, be it a text or a command.
function scenarios.typing()
  child.start("bookings.py")
  child.type(":8Baton fix<CR>")
  child.type("Go# mine")
  child.wait_note("it comes in Normal mode")
  child.type(", all of it<Esc>q:")
  child.wait("vim.fn.getcmdwintype() == ':'")
  child.lua("_G.notes = {}")
  child.type(":q<CR>")
  child.review()
  child.type("ga")
  child.closed()
  child.wait([[vim.fn.getline(8):find("start <= merged", 1, true)]])
  child.expect("what was typed is there", child.lua("return vim.fn.getline('$')") == "# mine, all of it")
end

scenarios[arg[1]]()
child.quit()
os.exit(0)
