-- Define :Sidesight; nothing is loaded before it is used.
if vim.g.loaded_sidesight then
  return
end
vim.g.loaded_sidesight = true

vim.api.nvim_create_user_command('Sidesight', function(call)
  require('sidesight.command').run(call)
end, {
  nargs = '+',
  range = true,
  desc = 'Sidesight: ask, open_image, clear_images, status, restart',
  complete = function(lead, line)
    return require('sidesight.command').complete(lead, line)
  end,
})
