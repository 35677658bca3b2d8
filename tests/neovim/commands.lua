-- Everything but the preview, one scenario a call: `nvim --headless --clean -l commands.lua SCENARIO`.
local child = dofile(vim.fs.joinpath(vim.fs.dirname(arg[0]), "child.lua"))
local scenarios = {}

-- In a folder that is not trusted a command offers trust, and runs nothing whatever is answered.
function scenarios.trust()
  child.start("bookings.py")
  child.lua([[_G.answers = { "No", "Trust" }]])
  child.type(":8Baton fix<CR>")
  child.wait_note("is not trusted")
  child.wait("#_G.asked == 1")
  child.type(":Baton ask why?<CR>")
  child.wait_note("trusts")
  child.say("asked", child.lua("return vim.tbl_map(function(asked) return asked.titles end, _G.asked)"))
  child.say("runs", vim.fn.system({ vim.env.BATON, "runs" }))
end

-- An answer opens beside the text, and leaves the keys where they were.
function scenarios.ask()
  child.start("bookings.py")
  child.type(":Baton ask what is 100% sure?<CR>")
  local buffer = child.wait([[vim.iter(vim.api.nvim_list_bufs()):find(function(b) return vim.bo[b].filetype == "markdown" end)]])
  child.say("answer", child.lua([[return vim.api.nvim_buf_get_lines(..., 0, -1, true)]], buffer))
  child.say("title", child.lua([[return vim.wo[vim.fn.bufwinid(...)].winbar]], buffer))
  child.say("here", child.lua([[return vim.fn.expand("%:t")]]))
end

-- What hangs is stopped, and says so.
function scenarios.cancel()
  child.start("bookings.py")
  local before = child.text()
  child.type(":8Baton return tuples<CR>")
  child.wait([[require("baton").statusline():find("scripted begins", 1, true)]])
  child.type(":BatonCancel<CR>")
  child.wait([[vim.fn.execute("messages"):find("cancelled", 1, true)]])
  child.wait([[require("baton").statusline():find("scripted", 1, true) == nil]])
  child.expect("the text is as it was", child.text() == before)
end

-- The runs are listed, and one of them shown whole.
function scenarios.runs()
  child.start("bookings.py")
  child.type(":BatonRuns<CR>")
  child.wait([[vim.wo.winbar:find("runs", 1, true)]])
  child.type("<CR>")
  child.wait([[vim.wo.winbar:find("Run ", 1, true)]])
  child.say("run", child.text())
  child.type("q")
  child.wait([[vim.wo.winbar:find("runs", 1, true)]])
end

-- Ends this Neovim's server as nothing should.
local function kill_server()
  for _, process in ipairs(vim.api.nvim_get_proc_children(child.lua("return vim.uv.os_getpid()"))) do
    if vim.api.nvim_get_proc(process).name == vim.fs.basename(vim.env.BATON) then vim.uv.kill(process, "sigkill") end
  end
end

-- A server that dies is started again with a message; what was typed is there, also into an edit that was shown.
function scenarios.crash()
  child.start("bookings.py")
  child.type("ggO# mine<Esc>")
  child.wait([[vim.api.nvim_buf_get_lines(0, 0, 1, true)[1] == "# mine"]])
  child.type(":9Baton fix<CR>")
  child.review()
  child.type("ggO# also mine<Esc>")
  child.wait([[vim.api.nvim_buf_get_lines(0, 0, 1, true)[1] == "# also mine"]])
  kill_server()
  child.wait_note("started again")
  child.type("ga")
  child.wait_note("can be accepted any more")
  child.say("in the edit", child.lua("return vim.fn.getline(1)"))
  child.type(":tabclose<CR>")
  child.attached()
  for round = 2, 3 do
    child.lua("_G.notes = {}")
    kill_server()
    child.wait_note(round < 3 and "started again" or "stays away")
    if round < 3 then child.attached() end
  end
  child.type(":BatonRestart<CR>")
  child.attached()
  child.say("in the text", child.lua("return vim.fn.getline(1)"))
  child.type(":9Baton fix<CR>")
  child.review()
end

function scenarios.health()
  child.start("bookings.py")
  child.type(":checkhealth baton<CR>")
  child.wait([[vim.bo.filetype == "checkhealth" and vim.fn.search("baton doctor") > 0]])
  child.say("health", child.text())
end

scenarios[arg[1]]()
child.quit()
os.exit(0)
