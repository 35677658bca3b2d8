-- A key is pressed while an accepted edit is on its way, at another moment each time: what comes of it is the old text
-- with the key, or the new text with it, never a mixture. `nvim --headless --clean -l races.lua ROUNDS`.
local child = dofile(vim.fs.joinpath(vim.fs.dirname(arg[0]), "child.lua"))

local OLD, NEW = "# Notes\n\nIt is long.\n\nThe end.\n", "# Notes\n\nShort.\n\nThe end.\n"
-- Where the key goes: beside the edit, and into it.
local PLACES = { "1GAx<Esc>", "3GAx<Esc>" }

local function with_key(text, place)
  local lines = vim.split(text, "\n")
  local number = tonumber(place:match("%d+"))
  lines[number] = lines[number] .. "x"
  return table.concat(lines, "\n")
end

math.randomseed(20261126)
child.start("notes.md")
local seen = {}
for round = 1, tonumber(arg[1]) do
  child.lua([[
    vim.api.nvim_buf_set_lines(0, 0, -1, true, vim.split(..., "\n"))
    vim.api.nvim_buf_set_lines(0, -2, -1, true, {})
    _G.notes, _G.answers = {}, { "Apply unverified edit" }
    vim.cmd("messages clear")
  ]], OLD)
  local place = PLACES[round % #PLACES + 1]
  child.type(":Baton say it shorter<CR>")
  child.review()
  child.type("ga")
  -- Waiting for nothing in particular is what a user does here, too.
  vim.wait(math.random(0, 80))
  child.type(place)
  child.wait([[_G.notes[1] or vim.fn.execute("messages"):find("unverified edit of") or vim.fn.execute("messages"):find("changed nothing")]])
  child.wait([[vim.api.nvim_get_mode().mode == "n" and vim.fn.search("x$", "nw") > 0]])
  local text = child.text()
  local outcome = text == with_key(OLD, place) and "old and the key" or text == with_key(NEW, place) and "new and the key"
  child.expect(("round %d: %q is no mixture"):format(round, text), outcome)
  seen[outcome] = (seen[outcome] or 0) + 1
end
io.stderr:write(vim.inspect(seen) .. "\n")
child.quit()
os.exit(0)
