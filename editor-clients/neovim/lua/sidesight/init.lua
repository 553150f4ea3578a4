--- Attach the Sidesight language server to every buffer that is a file.
local M = {}

---@class sidesight.Options
---@field cmd? string[] How the language server is started.
---@field filetypes? string[] Where to attach; nil: every file.
---@field root_markers? string[] What marks the root of a workspace.
---@field settings? table Settings of the server, e.g. `{ completion = { max_tokens = 48 } }`.
local defaults = {
  cmd = { 'sidesight', 'serve' },
  root_markers = { '.git', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod', 'compile_commands.json', '.hg' },
  settings = {},
}

-- Neovim inserts the first word of a plain text edit only; ours are lines.
local function whole_text(item)
  local ours = vim.startswith(item.detail or '', 'Sidesight')
  return ours and { word = item.textEdit.newText } or {}
end

-- Neovim has its own client for inline completion from 0.12 on; before, the server offers plain completion.
local function attach(args)
  local client = vim.lsp.get_client_by_id(args.data.client_id)
  if not client or client.name ~= 'sidesight' then
    return
  end
  if vim.lsp.inline_completion then
    vim.lsp.inline_completion.enable(true, { bufnr = args.buf })
  elseif client:supports_method('textDocument/completion') then
    vim.lsp.completion.enable(true, client.id, args.buf, { convert = whole_text })
  end
end

---@param options? sidesight.Options
function M.setup(options)
  local chosen = vim.tbl_deep_extend('force', defaults, options or {})
  vim.lsp.config('sidesight', {
    cmd = chosen.cmd,
    filetypes = chosen.filetypes,
    root_markers = chosen.root_markers,
    settings = { sidesight = chosen.settings },
  })
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('sidesight', { clear = true }),
    callback = attach,
  })
  vim.lsp.enable('sidesight')
end

--- One line for each running server, or how to start one.
---@return string[]
function M.status()
  local lines = {}
  for _, client in ipairs(vim.lsp.get_clients({ name = 'sidesight' })) do
    local version = client.server_info and client.server_info.version or '?'
    local buffers = #vim.lsp.get_buffers_by_client_id(client.id)
    table.insert(
      lines,
      ('sidesight %s: %s, %d buffer(s)'):format(version, client.root_dir or 'no workspace', buffers)
    )
  end
  if #lines == 0 then
    lines = { 'sidesight is not running: open a file, or see :checkhealth sidesight' }
  end
  return lines
end

--- Stop the servers and attach new ones to the buffers that are open.
function M.restart()
  local old = vim.lsp.get_clients({ name = 'sidesight' })
  for _, client in ipairs(old) do
    client:stop()
  end
  local timer = assert(vim.uv.new_timer())
  timer:start(0, 50, function()
    for _, client in ipairs(old) do
      if not client:is_stopped() then
        return
      end
    end
    timer:close()
    vim.schedule(function()
      vim.lsp.enable('sidesight')
    end)
  end)
end

return M
