--- Open the place that a picture points to, and take away what pictures left.
local M = {}

-- What the server takes from the clipboard itself.
M.CLIPBOARD = 'clipboard:'

local function execute(client, command, arguments, done)
  client:request('workspace/executeCommand', { command = command, arguments = arguments }, function(failure, result)
    if failure then
      vim.notify('sidesight: ' .. failure.message, vim.log.levels.ERROR)
    else
      done(result)
    end
  end)
end

--- Every place goes to the quickfix list; the innermost is opened, by the server where it can ask for that.
---@param picture string an absolute path, or CLIPBOARD
function M.open(picture)
  require('sidesight.ask').with_client(0, function(client)
    execute(client, 'sidesight.openFromImage', { picture }, function(result)
      local items = {}
      for _, location in ipairs(result.locations) do
        vim.list_extend(items, vim.lsp.util.locations_to_items({ location }, client.offset_encoding))
      end
      vim.fn.setqflist({}, ' ', { title = 'Sidesight', items = items })
      if not result.shown then
        vim.lsp.util.show_document(result.locations[1], client.offset_encoding, { focus = true })
      end
      for _, difference in ipairs(result.differences) do
        vim.notify('sidesight: ' .. difference, vim.log.levels.WARN)
      end
    end)
  end)
end

function M.clear()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'sidesight' })) do
    execute(client, 'sidesight.clearFromImage', {}, function() end)
  end
end

return M
