-- Links what the prose names: "chapter 3" to its page, "arXiv 2402.15627" to the paper.
-- Folds code whose first line is a title: "# @title The ring, round by round".
local function input()
  local file = (quarto and quarto.doc and quarto.doc.input_file) or PANDOC_STATE.input_files[1] or ""
  return (file:gsub("\\", "/"))
end

local root = (quarto and quarto.project and quarto.project.directory) or os.getenv("QUARTO_PROJECT_DIR")

-- The way from this page to the folder of all: "../" for each folder between.
local function up()
  local file = input()
  if root and file:sub(1, #root) == root:gsub("\\", "/") then file = file:sub(#root + 2) end
  local _, depth = file:gsub("/", "")
  return ("../"):rep(depth)
end

local function stems()
  local found = {}
  local there, files = pcall(pandoc.system.list_directory, pandoc.path.join{root or ".", "chapters"})
  for _, name in ipairs(there and files or {}) do
    local number, stem = name:match("^((%d%d)_[%w_]+)%.py$")
    if number then found[tonumber(stem)] = number end
  end
  return found
end

local known = stems()
local own = input():match("([^/]+)$") or ""

local function chapter(number)
  local stem = known[tonumber(number)]
  if not stem or own:sub(1, #stem) == stem then return nil end
  return up() .. "chapters/" .. stem .. ".html"
end

local function paper(number) return "https://arxiv.org/abs/" .. number end

-- What opens a link, how the number after it looks, where the link leads.
local named = {
  {"^(.-)([Cc]hapter)$", "^(%d%d?)(.*)$", chapter},
  {"^(.-)(arXiv)$", "^(%d%d%d%d%.%d%d%d%d%d?)(.*)$", paper},
}

local function link(word, space, after)
  for _, kind in ipairs(named) do
    local before, name = word.text:match(kind[1])
    local number, rest = after.text:match(kind[2])
    local target = name and number and not rest:find("^%d") and kind[3](number)
    if target then
      local text = pandoc.Inlines{pandoc.Str(name), space, pandoc.Str(number)}
      return pandoc.Inlines{pandoc.Str(before), pandoc.Link(text, target), pandoc.Str(rest)}
    end
  end
end

local function Inlines(inlines)
  local out, i = pandoc.Inlines{}, 1
  while i <= #inlines do
    local word, space, after = inlines[i], inlines[i + 1], inlines[i + 2]
    local made = word.t == "Str" and after and after.t == "Str"
      and (space.t == "Space" or space.t == "SoftBreak") and link(word, space, after)
    out:extend(made or pandoc.Inlines{word})
    i = i + (made and 3 or 1)
  end
  return out
end

local function CodeBlock(block)
  local title, code = block.text:match("^# @title ([^\n]+)\n(.*)$")
  if not title then return nil end
  block.text = code
  local summary = title:gsub("&", "&amp;"):gsub("<", "&lt;")
  local open = '<details class="folded"><summary>' .. summary .. "</summary>"
  return {pandoc.RawBlock("html", open), block, pandoc.RawBlock("html", "</details>")}
end

function Pandoc(doc)
  return doc:walk{
    traverse = "topdown",
    Header = function(header) return header, false end,
    Link = function(made) return made, false end,
    Inlines = Inlines,
    CodeBlock = CodeBlock,
  }
end
