-- What an edit does to files of every kind: `nvim --headless --clean -l apply.lua PLUGIN`. The server is a function here, so
-- that it can ask for what no server should.
vim.opt.runtimepath:prepend(arg[1])
local folder = vim.uv.fs_realpath(vim.fn.fnamemodify(vim.fn.tempname(), ":h"))
local dispatch
vim.lsp.config("baton", {
  cmd = function(dispatchers)
    dispatch = dispatchers
    return {
      request = function(method, _, done)
        local sync = { openClose = true, change = 2 }
        local capabilities = { positionEncoding = "utf-16", textDocumentSync = sync }
        done(nil, method == "initialize" and { capabilities = capabilities } or vim.NIL)
        return true, 1
      end,
      notify = function() return true end,
      is_closing = function() return false end,
      terminate = function() end,
    }
  end,
})
vim.lsp.enable("baton")

local function uri(name) return vim.uri_from_fname(folder .. "/" .. name) end
local function path(name) return folder .. "/" .. name end

local function write(name, text)
  local file = assert(io.open(path(name), "wb"))
  file:write(text)
  file:close()
end

local function read(name)
  local file = io.open(path(name), "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

local function open(name)
  vim.cmd.edit(path(name))
  vim.bo.filetype = "python"
  local buffer = vim.api.nvim_get_current_buf()
  assert(vim.wait(5000, function() return #vim.lsp.get_clients({ name = "baton", bufnr = buffer }) == 1 end))
end

--- From one place to another of a line, counted from 0, in UTF-16.
local function edit(line, from, to, text, last)
  return { range = { start = { line = line, character = from }, ["end"] = { line = last or line, character = to } }, newText = text }
end

local function apply(changes, texts)
  local known = {}
  for name, text in pairs(texts) do
    table.insert(known, { uri = uri(name), sha256 = text and vim.fn.sha256(text) or vim.NIL })
  end
  local params = { job = "baton/1", label = "Edit", verdict = "parsed", edit = { documentChanges = changes }, texts = known }
  return dispatch.server_request("baton/apply", params)
end

local function change(name, edits, version)
  return { textDocument = { uri = uri(name), version = version or vim.NIL }, edits = edits }
end

--- With a reason, the edit must have been refused for it.
local function check(what, result, reason)
  local said = result.applied and "applied" or result.failureReason
  if result.applied == (reason ~= nil) or (reason and not said:find(reason, 1, true)) then
    io.stderr:write(("%s: %s\n"):format(what, said))
    os.exit(1)
  end
end

local function same(what, left, right)
  if left ~= right then
    io.stderr:write(("%s: %q is not %q\n"):format(what, tostring(left), tostring(right)))
    os.exit(1)
  end
end

-- An open file, its characters counted as the protocol does, its line breaks kept.
write("dos.py", "a𝒇 = 1\r\nb = 2\r\n")
open("dos.py")
check("dos", apply({ change("dos.py", { edit(0, 6, 7, "3\r\nc = 4") }) }, { ["dos.py"] = "a𝒇 = 1\r\nb = 2\r\n" }))
vim.cmd("silent write")
same("dos", read("dos.py"), "a𝒇 = 3\r\nc = 4\r\nb = 2\r\n")

-- A version that the server does not know any more is no reason, where the text is the same.
check("version", apply({ change("dos.py", { edit(0, 6, 7, "5") }, 1) }, { ["dos.py"] = read("dos.py") }))
vim.cmd("silent write")
same("version", read("dos.py"), "a𝒇 = 5\r\nc = 4\r\nb = 2\r\n")

-- Files that are not open: one with text, one that is empty, one that is not there; then one that goes and one that moves.
for name, text in pairs({ ["closed.py"] = "x = 1\n", ["empty.py"] = "", ["goes.py"] = "g\n", ["moves.py"] = "m\n" }) do
  write(name, text)
end
local all = {
  { kind = "create", uri = uri("sub/new.py"), options = { overwrite = false, ignoreIfExists = false } },
  change("closed.py", { edit(0, 4, 5, "2") }),
  change("empty.py", { edit(0, 0, 0, "e\n") }),
  change("sub/new.py", { edit(0, 0, 0, "n\n\n\nn\n") }),
  { kind = "rename", oldUri = uri("moves.py"), newUri = uri("moved.py") },
  { kind = "delete", uri = uri("goes.py") },
}
local texts = {
  ["closed.py"] = "x = 1\n", ["empty.py"] = "", ["sub/new.py"] = false, ["goes.py"] = "g\n", ["moves.py"] = "m\n", ["moved.py"] = false,
}
check("all", apply(all, texts))
vim.cmd("silent wall")
same("closed", read("closed.py"), "x = 2\n")
same("empty", read("empty.py"), "e\n")
same("new", read("sub/new.py"), "n\n\n\nn\n")
same("gone", read("goes.py"), nil)
same("moved", read("moved.py"), "m\n")
same("moved away", read("moves.py"), nil)

-- Edits without versions, as clients get that announce little.
local params = { job = "baton/1", label = "Edit", verdict = "parsed", texts = {} }
params.edit = { changes = { [uri("moved.py")] = { edit(0, 0, 1, "n") } } }
check("unnamed changes", dispatch.server_request("baton/apply", params), "was not named")
params.texts = { { uri = uri("moved.py"), sha256 = vim.fn.sha256("m\n") } }
check("changes", dispatch.server_request("baton/apply", params))
same("changes", table.concat(vim.fn.getbufline(vim.fn.bufnr(path("moved.py")), 1, "$"), "\n"), "n")

-- All or nothing: one of two is not as it was.
local first = change("closed.py", { edit(0, 4, 5, "3") })
check("changed", apply({ first, change("empty.py", { edit(0, 0, 1, "f") }) }, { ["closed.py"] = "x = 2\n", ["empty.py"] = "other\n" }), "empty.py was changed meanwhile")
check("there", apply({ first }, { ["closed.py"] = "x = 2\n", ["empty.py"] = false }), "empty.py is there by now")
check("unnamed", apply({ first, { kind = "delete", uri = uri("moved.py") } }, { ["closed.py"] = "x = 2\n" }), "was not named")
check("unnamed", apply({ first }, {}), "was not named")
-- One of two fails while it is applied.
local broken = change("empty.py", { { range = {}, newText = "" } })
check("broken", apply({ first, broken }, { ["closed.py"] = "x = 2\n", ["empty.py"] = "e\n" }), "start")
same("rolled back", table.concat(vim.fn.getbufline(vim.fn.bufnr(path("closed.py")), 1, "$"), "\n"), "x = 2")
same("not modified", vim.bo[vim.fn.bufnr(path("closed.py"))].modified, false)
-- On disk another text than in a buffer that the server does not know.
vim.cmd("silent edit " .. path("plain.unknown"))
vim.fn.setline(1, "typed")
write("plain.unknown", "on disk\n")
check("unsaved", apply({ change("plain.unknown", { edit(0, 0, 0, "x") }) }, { ["plain.unknown"] = "on disk\n" }), "is not on disk as in its buffer")
-- Line breaks that Neovim would change.
write("mixed.py", "a\r\nb\n")
check("mixed", apply({ change("mixed.py", { edit(1, 0, 1, "c") }) }, { ["mixed.py"] = "a\r\nb\n" }), "has line breaks of several kinds")
-- A file that would go with text that is nowhere else.
open("closed.py")
vim.fn.setline(1, "mine")
check("unsaved deletion", apply({ { kind = "delete", uri = uri("closed.py") } }, { ["closed.py"] = "mine\n" }), "changes that are not saved")
-- A buffer that may not change.
vim.bo.modifiable = false
check("fixed", apply({ change("closed.py", { edit(0, 0, 0, "x") }) }, { ["closed.py"] = "mine\n" }), "cannot be modified")
os.exit(0)
