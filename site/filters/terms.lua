-- Bold in a chapter's prose is a term's first definition.  On the chapter's page it
-- gets an anchor; the page with `glossary: true` lists the terms of all chapters.
-- Bold that ends with a stop or a colon is a label, not a term.
local stringify = pandoc.utils.stringify

local function term(bold)
  local text = stringify(bold)
  return not text:find("[.:?!]$") and text or nil
end

local function slug(text)
  return "term-" .. text:lower():gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
end

local function input()
  local file = (quarto and quarto.doc and quarto.doc.input_file) or PANDOC_STATE.input_files[1] or ""
  return (file:gsub("\\", "/"))
end

local function is_chapter(file)
  return file:find("%f[^/\0]%d%d_[%w_]+[^/]*$") and not file:find("labs/[^/]+$")
end

-- One chapter's page: anchors, and no term twice.
local function mark(doc)
  local seen = {}
  return doc:walk{Strong = function(bold)
    local text = term(bold)
    if not text then return nil end
    local id = slug(text)
    if seen[id] then
      error("'" .. text .. "' is bold twice in " .. input() .. ": bold marks a first definition")
    end
    seen[id] = true
    return pandoc.Span(bold, {id = id, class = "term"})
  end}
end

-- The markdown of a percent notebook.
local function markdown(path)
  local kept, on = {}, false
  for line in io.lines(path) do
    if line:find("^# %%%%") then
      on = line:find("^# %%%% %[markdown%]") ~= nil
      kept[#kept + 1] = ""
    elseif on then
      kept[#kept + 1] = line:gsub("^# ?", "")
    end
  end
  return pandoc.read(table.concat(kept, "\n"), "markdown")
end

-- The sentence of a paragraph that holds the term, closed with a full stop.
local function sentence(inlines, text)
  local said, found = pandoc.Inlines{}, false
  for _, inline in ipairs(inlines) do
    if inline.t == "Strong" and stringify(inline) == text then
      found = true
      said:extend(inline.content)
    elseif inline.t == "Strong" and not term(inline) then
      said = pandoc.Inlines{} -- a callout's label
    elseif #said > 0 or (inline.t ~= "Space" and inline.t ~= "SoftBreak") then
      said:insert(inline)
    end
    if inline.t == "Str" and inline.text:find("[.?!][\"')]*$") then
      if found then return said end
      said = pandoc.Inlines{}
    end
  end
  local last = said[#said]
  if last.t == "Str" then last.text = last.text:gsub("[:;,]$", "") end
  said:insert(pandoc.Str("."))
  return said
end

local function glossary(doc)
  local root = (quarto and quarto.project and quarto.project.directory)
    or os.getenv("QUARTO_PROJECT_DIR") or "."
  local folder = pandoc.path.join{root, "chapters"}
  local entries, where = {}, {}
  local files = pandoc.system.list_directory(folder)
  table.sort(files)
  for _, name in ipairs(files) do
    local stem = name:match("^(%d%d_[%w_]+)%.py$")
    if stem then
      local chapter = markdown(pandoc.path.join{folder, name})
      local page = "../chapters/" .. stem .. ".html"
      local function collect(block)
        for _, inline in ipairs(block.content) do
          local text = inline.t == "Strong" and term(inline)
          if text then
            if where[slug(text)] then
              error("'" .. text .. "' is bold in " .. name .. " and in " .. where[slug(text)])
            end
            where[slug(text)] = name
            local link = pandoc.Link(chapter.meta.title or stem, page .. "#" .. slug(text))
            local meaning = {pandoc.Para(sentence(block.content, text)), pandoc.Para(link)}
            entries[#entries + 1] = {{pandoc.Str(text)}, {meaning}, key = text:lower()}
          end
        end
      end
      chapter:walk{Para = collect, Plain = collect}
    end
  end
  table.sort(entries, function(a, b) return a.key < b.key end)
  for _, entry in ipairs(entries) do entry.key = nil end
  local list = pandoc.DefinitionList(entries)
  doc.blocks:insert(pandoc.Div(list, {class = "glossary"}))
  return doc
end

function Pandoc(doc)
  if doc.meta.glossary then return glossary(doc) end
  if is_chapter(input()) then return mark(doc) end
end
