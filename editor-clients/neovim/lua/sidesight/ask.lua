--- Ask a question and stream the answer into a scratch buffer; asking from that buffer goes on with the conversation.
local answer = require('sidesight.answer')

local M = {}

---@class sidesight.Question
---@field question string
---@field images? string[] absolute paths
---@field mods? table where the answer opens, as in |nvim_parse_cmd()|; at the bottom when left out
---@field lines? [integer, integer] first and last line of the document that the question is about, 1-based

local function running(bufnr)
  return vim.lsp.get_clients({ name = 'sidesight', bufnr = bufnr })[1] or vim.lsp.get_clients({ name = 'sidesight' })[1]
end

--- Call back with a server that is ready, starting one where no file has done so yet.
function M.with_client(bufnr, callback)
  local client = running(bufnr)
  if client then
    return callback(client)
  end
  local config = vim.lsp.config.sidesight
  if not config then
    error("call require('sidesight').setup() in your configuration first", 0)
  end
  local root = vim.fs.root(bufnr, config.root_markers) or vim.fn.getcwd()
  local id = vim.lsp.start(vim.tbl_extend('force', config, { root_dir = root }), { attach = false })
  local function wait()
    client = id and vim.lsp.get_client_by_id(id)
    if client and client.initialized then
      callback(client)
    elseif client and not client:is_stopped() then
      vim.defer_fn(wait, 50)
    else
      vim.notify('sidesight: the language server did not start; see :checkhealth sidesight', vim.log.levels.ERROR)
    end
  end
  wait()
end

local function range_of(bufnr, lines, encoding)
  local last = vim.api.nvim_buf_get_lines(bufnr, lines[2] - 1, lines[2], true)[1]
  return {
    start = { line = lines[1] - 1, character = 0 },
    ['end'] = { line = lines[2] - 1, character = vim.str_utfindex(last, encoding) },
  }
end

local function send(client, bufnr, question)
  local earlier = answer.conversation(bufnr)
  local document = earlier and earlier.document
  local range = earlier and earlier.range
  if not earlier and vim.lsp.buf_is_attached(bufnr, client.id) then
    document = vim.lsp.util.make_text_document_params(bufnr)
    range = question.lines and range_of(bufnr, question.lines, client.offset_encoding)
  end
  local view = earlier and answer.resume(bufnr, question) or answer.open(question)
  view.document, view.range, view.encoding = document, range, client.offset_encoding

  local token = ('sidesight-ask-%d-%d'):format(view.bufnr, vim.uv.hrtime())
  local listener = vim.api.nvim_create_autocmd('LspProgress', {
    callback = function(args)
      local params = args.data.params
      if params.token == token and params.value.kind == 'report' then
        view:stream(params.value.message or '')
      end
    end,
  })
  local sent, request = client:request('workspace/executeCommand', {
    command = 'sidesight.ask',
    arguments = {
      {
        question = question.question,
        images = question.images,
        textDocument = document,
        range = range,
        conversation = earlier and earlier.id,
        workDoneToken = token,
      },
    },
  }, function(failure, result)
    vim.api.nvim_del_autocmd(listener)
    view:finish(failure, result)
  end)
  if sent then
    view.cancel = function()
      client:cancel_request(request)
    end
  else
    vim.api.nvim_del_autocmd(listener)
    view:finish({ message = 'the language server has stopped; try :Sidesight restart' })
  end
end

---@param question sidesight.Question
function M.ask(question)
  local bufnr = vim.api.nvim_get_current_buf()
  if answer.is_busy(bufnr) then
    error('the last question is still being answered', 0)
  end
  if question.question ~= '' then
    return M.with_client(bufnr, function(client)
      send(client, bufnr, question)
    end)
  end
  vim.ui.input({ prompt = 'Ask Sidesight: ' }, function(typed)
    if typed and typed ~= '' then
      question.question = typed
      M.with_client(bufnr, function(client)
        send(client, bufnr, question)
      end)
    end
  end)
end

return M
