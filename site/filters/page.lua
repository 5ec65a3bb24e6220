-- A chapter's or a lab's page: the line of links on top, and the Fleet Stack figure.
local stringify = pandoc.utils.stringify

-- Layers from the ground up, two to a Part.
local layers = {
  "Facility & Accelerators", "Fabric & Storage", "Distributed Execution", "Reliability & Control",
  "Runtime & Serving", "Operations", "Assurance", "Governance & Sustainability",
}
local parts = {"I", "II", "III", "IV"}

local function input()
  local file = (quarto and quarto.doc and quarto.doc.input_file) or PANDOC_STATE.input_files[1] or ""
  return (file:gsub("\\", "/"))
end

-- "chapters/06_collectives.py" -> "chapters", "06_collectives"
local function place(file)
  local stem = file:match("([^/]+)$")
  stem = stem and stem:match("^%d%d_[%w_]+")
  return stem and (file:find("labs/[^/]+$") and "labs" or "chapters"), stem
end


local function links(companion, kind, stem)
  if not (companion and companion.repository and companion.tag) then
    error("_quarto.yml: companion needs owner, repository and tag")
  end
  local other = pandoc.Link("Its lab", "../notebooks/labs/" .. stem .. ".html")
  if kind == "labs" then
    other = pandoc.Link("Its chapter", "../../chapters/" .. stem .. ".html")
  end
  local owner = companion.owner and stringify(companion.owner) or ""
  if owner == "" then -- no name that anybody else could take
    local nowhere = "No public address yet, so no Colab link"
    return pandoc.Div(pandoc.BulletList{{pandoc.Plain(nowhere)}, {pandoc.Plain(other)}}, {class = "page-links"})
  end
  local repo, tag = owner .. "/" .. stringify(companion.repository), stringify(companion.tag)
  local path = "notebooks/" .. kind .. "/" .. stem .. ".ipynb"
  local colab = "https://colab.research.google.com/github/" .. repo .. "/blob/" .. tag .. "/" .. path
  local raw = "https://raw.githubusercontent.com/" .. repo .. "/" .. tag .. "/" .. path
  local items = pandoc.BulletList{
    {pandoc.Plain(pandoc.Link("Open in Colab", colab))},
    {pandoc.Plain(pandoc.Link("Download the notebook", raw, "", {download = stem .. ".ipynb"}))},
    {pandoc.Plain(other)},
  }
  return pandoc.Div(items, {class = "page-links"})
end

local function numbers(list)
  local found = {}
  if pandoc.utils.type(list) == "List" then
    for _, item in ipairs(list) do
      local number = tonumber(stringify(item))
      if number and number >= 0 and number <= 100 then found[#found + 1] = number end
    end
  end
  if #found ~= #layers or #list ~= #layers then
    error("fleet-stack in " .. input() .. ": needs 8 numbers from 0 to 100, has " .. stringify(list))
  end
  return found
end

local function stack(list)
  local weight = numbers(list)
  local html = {'<figure class="fleet-stack">', "<figcaption>Fleet Stack. Shade: how much "
    .. "this chapter says about a layer.</figcaption>"}
  for part = #parts, 1, -1 do
    html[#html + 1] = '<div class="fs-part"><span class="fs-label">Part ' .. parts[part] .. "</span><ul>"
    for layer = 2 * part, 2 * part - 1, -1 do
      html[#html + 1] = string.format(
        '<li style="--w:%g">%s<span class="visually-hidden">: %g of 100</span></li>',
        weight[layer] / 100, layers[layer]:gsub("&", "&amp;"), weight[layer])
    end
    html[#html + 1] = "</ul></div>"
  end
  html[#html + 1] = "</figure>"
  return pandoc.Div(pandoc.RawBlock("html", table.concat(html, "\n")), {class = "column-margin"})
end

-- In the margin, but below the page's contents, which stand beside the first section:
-- after the first block of the second section, or of the only one.
local function spot(blocks)
  local at, seen = #blocks + 1, 0
  for i, block in ipairs(blocks) do
    if block.t == "Header" and block.level == 2 then
      seen, at = seen + 1, math.min(i + 2, #blocks + 1)
      if seen == 2 then break end
    end
  end
  return at
end

function Pandoc(doc)
  if doc.meta["fleet-stack"] then
    doc.blocks:insert(spot(doc.blocks), stack(doc.meta["fleet-stack"]))
  end
  local kind, stem = place(input())
  if kind then
    -- A lab's notebook brings a Colab link of its own, or says that there is none.
    doc.blocks = doc.blocks:filter(function(block)
      local only = block.t == "Para" and #block.content == 1 and block.content[1]
      local link = only and only.t == "Link" and only.target:find("^https://colab%.")
      return not (link or (only and only.t == "Emph" and stringify(only):find("no Colab link")))
    end)
    local heading = doc.blocks[1] and doc.blocks[1].t == "Header" and doc.blocks[1].level == 1
    doc.blocks:insert(heading and 2 or 1, links(doc.meta.companion, kind, stem))
  end
  return doc
end
