--- Generate, fix, document, test, explain, review: what the cursor is in, or a range of lines.
local answer = require('sidesight.answer')

local M = {}

M.names = { 'generate', 'fix', 'document', 'test', 'explain', 'review' }

-- Those whose words are worth reading as they come.
local read = { generate = true, explain = true, review = true }
local marks = { passed = '✓', failed = '✗', could_not_run = '–' }

local running ---@type fun()? ends the last action

local function place(bufnr, lines, encoding)
  local function at(line, column)
    local text = vim.api.nvim_buf_get_lines(bufnr, line - 1, line, true)[1]
    return { line = line - 1, character = vim.str_utfindex(text, encoding, math.min(column, #text)) }
  end
  if lines then
    return { start = at(lines[1], 0), ['end'] = at(lines[2], math.huge) }
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local here = at(cursor[1], cursor[2])
  return { start = here, ['end'] = here }
end

local function diagnostics_in(bufnr, range)
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(bufnr)) do
    if one.lnum <= range['end'].line and (one.end_lnum or one.lnum) >= range.start.line then
      local start = { line = one.lnum, character = one.col }
      local last = { line = one.end_lnum or one.lnum, character = one.end_col or one.col }
      table.insert(found, {
        range = { start = start, ['end'] = last },
        message = one.message,
        code = tostring(one.code or ''),
        source = one.source or '',
      })
    end
  end
  return found
end

--- What would change or did, and what was checked.
local function report(result)
  local parts = { result.message }
  if result.diff ~= '' then
    table.insert(parts, '```diff\n' .. result.diff .. '```')
  end
  local checks = {}
  for _, check in ipairs(result.checks) do
    table.insert(checks, vim.trim(('- %s %s %s'):format(marks[check.status], check.name, check.detail)))
  end
  table.insert(parts, table.concat(checks, '\n'))
  return table.concat(parts, '\n\n')
end

local function finish(name, view, failure, result)
  if view then
    local text = result and (name == 'generate' and report(result) or result.text)
    view:finish(failure, result and { answer = text, conversation = '', locations = result.locations })
  elseif failure then
    vim.notify('sidesight: ' .. failure.message, vim.log.levels.ERROR)
  else
    local said = result.passed and result.message or report(result)
    vim.notify('sidesight: ' .. said, result.passed and vim.log.levels.INFO or vim.log.levels.WARN)
  end
end

local function send(client, bufnr, name, instruction, lines)
  local document = vim.lsp.util.make_text_document_params(bufnr)
  local range = place(bufnr, lines, client.offset_encoding)
  local title = ('%s %s:%d'):format(name, vim.fn.expand('%:~:.'), range.start.line + 1)
  local view = read[name] and answer.open({ question = title })
  if view then
    view.document, view.range, view.encoding = document, range, client.offset_encoding
  end
  local token = ('sidesight-%s-%d'):format(name, vim.uv.hrtime())
  local listener = vim.api.nvim_create_autocmd('LspProgress', {
    callback = function(args)
      local params = args.data.params
      if params.token == token .. '-text' and view then
        view:stream(params.value.text)
      elseif params.token == token and params.value.message then
        vim.api.nvim_echo({ { 'sidesight: ' .. params.value.message } }, false, {})
      end
    end,
  })
  local argument = {
    textDocument = document,
    range = range,
    instruction = instruction ~= '' and instruction or nil,
    diagnostics = name == 'fix' and diagnostics_in(bufnr, range) or nil,
    workDoneToken = token,
    partialResultToken = view and token .. '-text' or nil,
  }
  local sent, request = client:request('workspace/executeCommand', {
    command = 'sidesight.' .. name,
    arguments = { argument },
  }, function(failure, result)
    vim.api.nvim_del_autocmd(listener)
    running = nil
    finish(name, view, failure, result)
  end)
  if not sent then
    vim.api.nvim_del_autocmd(listener)
    finish(name, view, { message = 'the language server has stopped; try :Sidesight restart' })
    return
  end
  running = function()
    client:cancel_request(request)
  end
  if view then
    view.cancel = running
  end
end

---@param name string one of `names`
---@param instruction string what is wanted; '' for nothing more than the name says
---@param lines? [integer, integer] first and last line, 1-based; the cursor's place without
function M.run(name, instruction, lines)
  local bufnr = vim.api.nvim_get_current_buf()
  if vim.api.nvim_buf_get_name(bufnr) == '' or answer.conversation(bufnr) then
    error('open a file first', 0)
  end
  require('sidesight.ask').with_client(bufnr, function(client)
    send(client, bufnr, name, instruction, lines)
  end)
end

--- End the action that is under way.
function M.stop()
  if running then
    running()
  end
end

local function execute(command, arguments, told)
  require('sidesight.ask').with_client(0, function(client)
    client:request('workspace/executeCommand', { command = command, arguments = arguments }, function(failure, result)
      if failure then
        vim.notify('sidesight: ' .. failure.message, vim.log.levels.ERROR)
      elseif told then
        vim.notify('sidesight: ' .. told(result))
      end
    end)
  end)
end

function M.clear_review()
  execute('sidesight.clearReview', {})
end

---@param decision 'grant' | 'revoke' whether tests of this workspace may be run, in the sandbox
function M.trust(decision)
  execute('sidesight.trust', { { decision = decision } }, function(result)
    return ('tests of %s %s be run'):format(result.workspace, decision == 'grant' and 'may' or 'may not')
  end)
end

return M
