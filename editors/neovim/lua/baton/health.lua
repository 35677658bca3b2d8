--- `:checkhealth baton`
local M = {}

function M.check()
  local health = vim.health
  health.start("Baton")
  local config = vim.lsp.config and vim.lsp.config.baton
  if not config then return health.error("Neovim 0.11 with lsp/baton.lua in 'runtimepath' is needed: :help baton-setup") end
  local command = type(config.cmd) == "table" and config.cmd[1] or "baton"
  local found = vim.fn.exepath(command)
  if found == "" then return health.error(("`%s` is not there: see :help baton-setup"):format(command)) end
  health.ok(found)
  local clients = vim.lsp.get_clients({ name = "baton" })
  if #clients == 0 then health.warn('no server runs: call vim.lsp.enable("baton"), and open a file that it knows') end
  for _, client in ipairs(clients) do
    health.ok(("server %s runs in %s"):format((client.server_info or {}).version or "", client.root_dir or "no folder"))
  end
  local doctor = vim.system({ found, "doctor" }, { text = true, env = config.cmd_env }):wait()
  local report = doctor.code == 0 and health.ok or health.warn
  report("baton doctor\n" .. vim.trim(doctor.stdout .. doctor.stderr))
end

return M
