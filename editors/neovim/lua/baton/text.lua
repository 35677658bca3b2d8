--- The text of a loaded buffer as Neovim sends it to a server, and what ends its lines.
local breaks = { unix = "\n", dos = "\r\n", mac = "\r" }

return function(buffer)
  local lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, true)
  local line_break = breaks[vim.bo[buffer].fileformat]
  return table.concat(lines, line_break) .. (vim.bo[buffer].endofline and line_break or ""), line_break
end
