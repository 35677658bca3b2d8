--- Puts an accepted edit into the buffers: all files or none, and only over the texts that it was made for. All of it
--- happens in one callback, so that no key can come between the comparison and the change.
local api = vim.api
local M = {}

local UNNAMED = "a file would be changed whose text was not named"
local BREAKS = { unix = "\n", dos = "\r\n", mac = "\r" }

--- The text of a loaded buffer as Neovim sends it to a server, and what ends its lines.
function M.text(buffer)
  local line_break = BREAKS[vim.bo[buffer].fileformat]
  local lines = table.concat(api.nvim_buf_get_lines(buffer, 0, -1, true), line_break)
  return lines .. (vim.bo[buffer].endofline and line_break or ""), line_break
end

--- What stands against this file having the text that the edit was made for; one without a text must not exist.
local function objection(client, file)
  if not file.sha256 then
    file.empty = true
    return (file.loaded or vim.uv.fs_lstat(file.path)) and "is there by now"
  end
  local text, line_break = M.text(file.buffer)
  local attached, there, bytes = vim.lsp.buf_is_attached(file.buffer, client.id), false, nil
  if not attached or text == line_break then there, bytes = pcall(vim.fn.readblob, file.path) end
  -- Neovim reads an empty file as one with an empty line.
  local same = there and (bytes == text or bytes == "" and text == line_break)
  if not same and not attached then return "is not on disk as in its buffer" end
  file.empty = same and bytes == "" and vim.fn.sha256("") == file.sha256
  if not file.empty and vim.fn.sha256(text) ~= file.sha256 then return "was changed meanwhile" end
  local inside = line_break == "\n" and text or text:gsub(line_break, "")
  if inside:find("\r", 1, true) then return "has line breaks of several kinds" end
  if not vim.bo[file.buffer].modifiable then return "cannot be modified" end
  if file.deleted and vim.bo[file.buffer].modified then return "would be deleted, with changes that are not saved" end
  if file.deleted and not vim.uv.fs_access(vim.fs.dirname(file.path), "W") then return "cannot be deleted" end
end

--- The files of an edit, their buffers loaded.
local function files_of(params)
  local files = {}
  for _, known in ipairs(params.texts) do
    local buffer = vim.uri_to_bufnr(known.uri)
    -- Neovim 0.11 reads null as nil.
    local sha256 = known.sha256 ~= vim.NIL and known.sha256 or nil
    local loaded = api.nvim_buf_is_loaded(buffer)
    files[known.uri] = { path = vim.uri_to_fname(known.uri), buffer = buffer, loaded = loaded, sha256 = sha256 }
    if sha256 then vim.fn.bufload(buffer) end
  end
  for uri in pairs(params.edit.changes or {}) do
    assert(files[uri], UNNAMED)
  end
  for _, change in ipairs(params.edit.documentChanges or {}) do
    local file = assert(files[change.uri or change.oldUri or change.textDocument.uri], UNNAMED)
    file.deleted = change.kind == "delete"
    -- Neovim silently leaves out a file whose version is newer; here its text is compared.
    if change.textDocument then change.textDocument.version = 0 end
  end
  return files
end

--- Does what `baton/apply` asks for, or gives the reason why none of it was done.
local function attempt(client, params)
  -- Loading runs the user's own commands, so it is over before anything is compared.
  local files = files_of(params)
  for _, file in pairs(files) do
    local why = objection(client, file)
    if why then return vim.fn.fnamemodify(file.path, ":.") .. " " .. why end
  end
  for _, file in pairs(files) do
    if file.sha256 then
      file.lines, file.modified = api.nvim_buf_get_lines(file.buffer, 0, -1, true), vim.bo[file.buffer].modified
      -- What was typed until now is undone by itself.
      api.nvim_buf_call(file.buffer, function() vim.cmd("let &g:undolevels = &g:undolevels") end)
    end
  end
  local done, why = pcall(function()
    vim.lsp.util.apply_workspace_edit(params.edit, client.offset_encoding)
    for _, file in pairs(files) do
      -- Neovim puts the text of an empty file before the empty line that it sees there.
      local last = file.empty and api.nvim_buf_is_loaded(file.buffer) and api.nvim_buf_get_lines(file.buffer, 1, -1, true)
      if last and last[#last] == "" then api.nvim_buf_set_lines(file.buffer, -2, -1, true, {}) end
    end
  end)
  if done then return nil end
  for _, file in pairs(files) do
    if file.lines then
      api.nvim_buf_set_lines(file.buffer, 0, -1, true, file.lines)
      vim.bo[file.buffer].modified = file.modified
    else
      os.remove(file.path)
    end
  end
  return tostring(why)
end

--- Answers `baton/apply`.
function M.apply(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local _, why = pcall(attempt, client, params)
  if why then return { applied = false, failureReason = tostring(why) } end
  local saving = #params.texts > 1 and " · :wall saves its files" or ""
  require("baton").show(("%s%s · %s"):format(params.label, saving, params.verdict), true)
  return { applied = true }
end

return M
