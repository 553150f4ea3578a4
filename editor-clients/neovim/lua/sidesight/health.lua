--- `:checkhealth sidesight`.
local M = {}

function M.check()
  local health = vim.health
  health.start('sidesight')
  if vim.fn.has('nvim-0.11') == 0 then
    return health.error('Neovim 0.11 or newer is needed')
  elseif vim.lsp.inline_completion then
    health.ok('this Neovim shows ghost text')
  else
    health.warn('this Neovim has no inline completion: suggestions come with CTRL-X CTRL-O', 'Neovim 0.12 shows ghost text')
  end

  local config = vim.lsp.config.sidesight
  if not config then
    return health.error('not set up', "call require('sidesight').setup() in your configuration")
  end
  local program = config.cmd[1]
  if vim.fn.executable(program) == 0 then
    return health.error(program .. ' is not a program', {
      'pip install sidesight, in an environment that is on your PATH',
      "or give its place: require('sidesight').setup({ cmd = { '/path/to/.venv/bin/sidesight', 'serve' } })",
    })
  end
  health.ok(vim.fn.exepath(program))
  for _, line in ipairs(require('sidesight').status()) do
    health.info(line)
  end

  local doctor = vim.system({ program, 'doctor' }, { text = true, timeout = 60000 }):wait()
  local report = vim.trim(doctor.stdout .. '\n' .. doctor.stderr)
  if doctor.code == 0 then
    health.ok('sidesight doctor:\n' .. report)
  else
    health.error('sidesight doctor:\n' .. report)
  end
end

return M
