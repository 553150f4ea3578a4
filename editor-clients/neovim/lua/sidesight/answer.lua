--- The scratch buffer that holds a conversation: Markdown, with places that `gf` and the quickfix list jump to.
local M = {}

---@class sidesight.View
---@field bufnr integer
---@field id? string conversation
---@field document? lsp.TextDocumentIdentifier what the first question was about
---@field range? lsp.Range
---@field encoding string of the columns in `range` and `places`
---@field places table<integer, lsp.Location> by 1-based line of the buffer
---@field first integer 0-based line where the answer that is being written begins
---@field busy boolean
---@field cancel? fun()
local View = {}
View.__index = View

local views = {} ---@type table<integer, sidesight.View>

function View:write(first, lines)
  if not vim.api.nvim_buf_is_valid(self.bufnr) then
    return
  end
  vim.bo[self.bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(self.bufnr, first, -1, true, lines)
  vim.bo[self.bufnr].modifiable = false
end

function View:put_question(question)
  local lines = vim.split('## ' .. question.question, '\n')
  for _, path in ipairs(question.images or {}) do
    table.insert(lines, ('*%s*'):format(vim.fn.fnamemodify(path, ':~:.')))
  end
  vim.list_extend(lines, { '', '…' })
  local empty = vim.api.nvim_buf_line_count(self.bufnr) == 1
  self.text, self.busy = '', true
  self:write(empty and 0 or -1, empty and lines or vim.list_extend({ '' }, lines))
  self.first = vim.api.nvim_buf_line_count(self.bufnr) - 1
end

---@param piece string what was generated since the last call
function View:stream(piece)
  self.text = self.text .. piece
  self:write(self.first, vim.split(self.text, '\n'))
end

--- Write the answer as a whole in place of what was streamed, for the server may have corrected it.
function View:finish(failure, result)
  self.busy, self.cancel = false, nil
  if failure then
    self:write(self.first, { ('*%s*'):format(failure.message) })
    return
  end
  self.id = result.conversation ~= '' and result.conversation or nil -- empty where nothing is remembered
  local lines = vim.split(result.answer, '\n')
  if #result.locations > 0 then
    table.insert(lines, '')
    local items = {}
    for _, location in ipairs(result.locations) do
      local path = vim.fn.fnamemodify(vim.uri_to_fname(location.uri), ':~:.')
      table.insert(lines, ('- %s:%d'):format(path, location.range.start.line + 1))
      self.places[self.first + #lines] = location
      -- One by one, for it sorts, and the likeliest place comes first.
      vim.list_extend(items, vim.lsp.util.locations_to_items({ location }, self.encoding))
    end
    vim.fn.setqflist({}, ' ', { title = 'Sidesight', items = items })
  end
  self:write(self.first, lines)
end

function View:jump()
  local location = self.places[vim.api.nvim_win_get_cursor(0)[1]]
  if not location then
    vim.cmd.normal({ 'gF', bang = true })
    return
  end
  vim.cmd.wincmd('p')
  vim.lsp.util.show_document(location, self.encoding, { focus = true })
end

---@param bufnr integer 0: the current one
---@return sidesight.View? what `bufnr` shows, nil where it is no answer
function M.conversation(bufnr)
  return views[bufnr == 0 and vim.api.nvim_get_current_buf() or bufnr]
end

function M.is_busy(bufnr)
  local view = M.conversation(bufnr)
  return view ~= nil and view.busy
end

---@param question sidesight.Question
---@return sidesight.View
function M.open(question)
  local bufnr = vim.api.nvim_create_buf(true, true)
  local view = setmetatable({ bufnr = bufnr, places = {} }, View)
  views[bufnr] = view
  vim.api.nvim_buf_set_name(bufnr, ('sidesight://answer/%d'):format(bufnr))
  vim.bo[bufnr].filetype = 'markdown'
  vim.keymap.set('n', 'gf', function()
    view:jump()
  end, { buffer = bufnr, desc = 'Go to the place named on this line' })
  vim.keymap.set('n', '<C-c>', function()
    if view.cancel then
      view.cancel()
    end
  end, { buffer = bufnr, desc = 'Stop answering' })
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = bufnr,
    callback = function()
      views[bufnr] = nil
      if view.cancel then
        view.cancel()
      end
    end,
  })
  vim.cmd.split({ mods = question.mods or { split = 'botright' } })
  vim.api.nvim_win_set_buf(0, bufnr)
  vim.wo.wrap, vim.wo.linebreak = true, true
  view:put_question(question)
  return view
end

---@param bufnr integer a buffer that `open` made
---@param question sidesight.Question
---@return sidesight.View
function M.resume(bufnr, question)
  views[bufnr]:put_question(question)
  return views[bufnr]
end

return M
