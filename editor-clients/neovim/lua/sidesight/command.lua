--- Parse and complete `:Sidesight …`.
local M = {}

local subcommands = {}

function subcommands.ask(words, call)
  local images, at = {}, 1
  while words[at] and vim.startswith(words[at], '--') do
    local path = words[at]:match('^--image=(.+)$')
    if not path and words[at] == '--image' then
      at = at + 1
      path = words[at]
    end
    if not path then
      error('usage: :Sidesight ask [--image PATH]… [QUESTION]', 0)
    end
    table.insert(images, vim.fn.fnamemodify(vim.fn.expand(path), ':p'))
    at = at + 1
  end
  require('sidesight.ask').ask({
    question = table.concat(words, ' ', at),
    images = images,
    lines = call.range > 0 and { call.line1, call.line2 } or nil,
    mods = call.mods ~= '' and call.smods or nil,
  })
end

function subcommands.open_image(words)
  local path = table.concat(words, ' ')
  local picture = require('sidesight.picture')
  picture.open(path == '' and picture.CLIPBOARD or vim.fn.fnamemodify(vim.fn.expand(path), ':p'))
end

function subcommands.clear_images()
  require('sidesight.picture').clear()
end

for _, name in ipairs({ 'generate', 'fix', 'document', 'test', 'explain', 'review' }) do
  subcommands[name] = function(words, call)
    local lines = call.range > 0 and { call.line1, call.line2 } or nil
    require('sidesight.action').run(name, table.concat(words, ' '), lines)
  end
end

function subcommands.stop()
  require('sidesight.action').stop()
end

function subcommands.clear_review()
  require('sidesight.action').clear_review()
end

function subcommands.trust()
  require('sidesight.action').trust('grant')
end

function subcommands.distrust()
  require('sidesight.action').trust('revoke')
end

function subcommands.status()
  print(table.concat(require('sidesight').status(), '\n'))
end

function subcommands.restart()
  require('sidesight').restart()
end

local function names()
  local found = vim.tbl_keys(subcommands)
  table.sort(found)
  return found
end

function M.run(call)
  local name = call.fargs[1]
  local subcommand = subcommands[name]
  local ok, message = pcall(function()
    if not subcommand then
      error(('there is no :Sidesight %s; try %s'):format(name, table.concat(names(), ', ')), 0)
    end
    subcommand(vim.list_slice(call.fargs, 2), call)
  end)
  if not ok then
    vim.notify('sidesight: ' .. message, vim.log.levels.ERROR)
  end
end

---@param lead string the word under the cursor
---@param line string the command line up to the cursor and after it
---@return string[]
function M.complete(lead, line)
  local words = vim.split(line:match('Sidesight!?%s+(.*)$') or '', '%s+')
  if #words <= 1 then
    return vim.tbl_filter(function(name)
      return vim.startswith(name, lead)
    end, names())
  end
  if words[1] == 'open_image' then
    return vim.tbl_map(vim.fn.fnameescape, vim.fn.getcompletion(lead, 'file'))
  elseif words[1] ~= 'ask' then
    return {}
  end
  local option, path = lead:match('^(--image=)(.*)$')
  if option then
    return vim.tbl_map(function(found)
      return option .. vim.fn.fnameescape(found)
    end, vim.fn.getcompletion(path, 'file'))
  elseif words[#words - 1] == '--image' then
    return vim.tbl_map(vim.fn.fnameescape, vim.fn.getcompletion(lead, 'file'))
  elseif lead == '' or vim.startswith('--image', lead) then
    return { '--image' }
  end
  return {}
end

return M
