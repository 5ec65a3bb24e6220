-- A blockquote that opens with a bold label becomes a callout:
--   > **Theorem · Bisection bandwidth.** For traffic that must cross ...
-- Any other blockquote stays as it is.
local labels = {}
for label in ([[Definition,Example,Perspective,Notebook,Checkpoint,War story,
Lighthouse,Principle,Theorem,Takeaways,Chapter connection]]):gmatch("%s*([^,]+)") do
  labels[label:lower()] = label
end

local function blank(inline)
  return inline and (inline.t == "Space" or inline.t == "SoftBreak")
end

-- "Theorem · The *ring* bound." -> "Theorem", {The *ring* bound}
local function split(bold)
  local text = pandoc.utils.stringify(bold)
  local label = labels[(text:match("^(.-) · ") or text:match("^(.-)%.$") or ""):lower()]
  if not label then return nil end
  local title = bold.content:clone()
  if text:find(" · ", 1, true) then
    repeat until pandoc.utils.stringify(title:remove(1)) == "·"
    title:remove(1)
  else
    title = pandoc.Inlines{}
  end
  local last = title[#title]
  if last and last.t == "Str" then last.text = last.text:gsub("%.$", "") end
  return label, title
end

function BlockQuote(quote)
  local first = quote.content[1]
  if not first or first.t ~= "Para" or first.content[1].t ~= "Strong" then return nil end
  local label, title = split(first.content[1])
  if not label then return nil end

  local rest = first.content:clone()
  rest:remove(1)
  while blank(rest[1]) do rest:remove(1) end
  local body = quote.content:clone()
  body:remove(1)
  if #rest > 0 then body:insert(1, pandoc.Para(rest)) end

  local spoken = label
  local head = pandoc.Inlines{pandoc.Span(label, {class = "co-label"})}
  if #title > 0 then
    spoken = label .. ": " .. pandoc.utils.stringify(title)
    head:extend{pandoc.Space(), pandoc.Span(title, {class = "co-name"})}
  end
  body:insert(1, pandoc.Div(pandoc.Para(head), {class = "co-title"}))
  local kind = "co-" .. label:lower():gsub(" ", "-")
  local spoken_as = {{"role", "note"}, {"aria-label", spoken}} -- a list keeps its order
  return pandoc.Div(body, pandoc.Attr("", {"co-box", kind}, spoken_as))
end
