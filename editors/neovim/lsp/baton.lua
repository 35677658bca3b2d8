--- How Neovim starts the server; `vim.lsp.config("baton", { … })` overrides any of it.
local function asking(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  require("baton").execute(client, context.bufnr, command.command, command.arguments[1])
end

return {
  cmd = { "baton", "lsp" },
  -- stylua: ignore
  filetypes = {
    "bash", "c", "cpp", "cs", "css", "go", "html", "java", "javascript", "javascriptreact", "json", "jsonc", "kotlin",
    "lua", "markdown", "php", "python", "ruby", "rust", "scala", "sh", "sql", "swift", "toml", "typescript",
    "typescriptreact", "yaml",
  },
  root_markers = { ".git" },
  init_options = { client = { answers = true, reviews = true, status = true } },
  -- Neovim itself announces no documentChanges, because it checks only the first version; we compare every text. The
  -- preview has said what an annotation would say.
  capabilities = { workspace = { workspaceEdit = { documentChanges = true, changeAnnotationSupport = vim.NIL } } },
  handlers = {
    ["baton/answer"] = function(...) require("baton").answer(...) end,
    ["baton/status"] = function(...) require("baton").told(...) end,
    ["baton/review"] = function(...) return require("baton.review").ask(...) end,
    ["baton/dismiss"] = function(...) require("baton.review").dismiss(...) end,
    ["baton/apply"] = function(...) return require("baton.apply").apply(...) end,
  },
  commands = { ["baton.fix"] = asking, ["baton.edit"] = asking, ["baton.refactor"] = asking, ["baton.ask"] = asking },
  on_exit = function(...) require("baton").ended(...) end,
}
