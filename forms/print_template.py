"""The typst sources that documents are set from. Fixed: what anybody wrote comes beside them, as JSON, as plain text.

`PRELUDE` is what all documents shared with an archive have: A4 with room to bind at the left, font, and on every page
the code, the number and "page x of y". A string handed to typst as data is never markup, whatever it holds.
"""

NUMBER_MM = 10
"""Width of the column that numbers the rows of a table."""

PRELUDE = r"""
#let d = json(bytes(sys.inputs.data))
#let blue = rgb("#0b4f9e")
#let soft = luma(35%)
#let small(it) = text(size: 7pt, fill: soft, it)
#let lines(text) = text.split("\n").join(linebreak())
#let both(zh, en) = [#zh#if en != "" [ #small(en)]]
#let code = d.at("qr", default: "")
#let heads = (d.at("head_first", default: ""), d.at("head_later", default: ""))
#set document(title: d.title, author: d.author)
#set page(
  paper: "a4",
  margin: (left: 24mm, right: 16mm, top: 24mm, bottom: 16mm),
  header-ascent: 2mm,
  header: context {
    set text(size: 7.5pt, fill: soft)
    set par(leading: 0.5em)
    grid(
      columns: (1fr, 17mm), column-gutter: 6mm, rows: 17mm, align: (left + bottom, right + top),
      lines(if counter(page).get().first() == 1 { heads.first() } else { heads.last() }),
      if code != "" { image(bytes(code), format: "svg", width: 17mm) },
    )
  },
  footer-descent: 25%,
  footer: context [
    #set text(size: 7.5pt, fill: soft)
    #block(above: 0pt, below: 1.5mm, line(length: 100%, stroke: 0.4pt + soft))
    #grid(
      columns: (1fr, auto), column-gutter: 8mm,
      d.footer,
      [第 #counter(page).display() 页 共 #counter(page).final().first() 页],
    )
  ],
)
#set text(font: "Noto Sans CJK SC", size: 9.5pt, lang: "zh", region: "cn", fallback: false, cjk-latin-spacing: none)
#set par(leading: 0.55em, spacing: 0.6em, justify: false)
#set table(stroke: 0.5pt, inset: (x: 2mm, y: 1.7mm))
#for a in d.at("attachments", default: ()) {
  pdf.attach(a.name, bytes(a.text), mime-type: "application/json", relationship: "data", description: a.about)
}
"""

FORM_SOURCE = (
    PRELUDE
    + r"""
#let shade = luma(91%)
#let pale = luma(97%)
#let box-of(ticked) = box(width: 8pt, height: 8pt, stroke: 0.6pt, baseline: 1pt,
  if ticked { place(center + horizon, text(size: 7.5pt, weight: "bold")[√]) })
#let mark-of(c) = if c.mark != "" {
  h(1.5pt)
  box(text(size: 6.5pt, weight: "medium", fill: blue, baseline: -2.5pt, c.mark))
}
#let boxes-of(c) = c.boxes.map(b => box[#box-of(b.ticked)#h(0.8mm)#b.text#if b.ticked { mark-of(c) }]).join(h(2.5mm))
#let value-of(c) = {
  if c.hidden { text(fill: soft)[／] } else {
    if c.boxes.len() > 0 { boxes-of(c); if c.rest != "" [#h(2.5mm)#lines(c.rest)#mark-of(c)] } else {
      lines(c.text)
      mark-of(c)
    }
    if c.disputed { linebreak(); text(size: 8pt)[有异议，本人主张：#lines(c.own)] }
  }
}
#let centre-of(c) = align(center + horizon, {
  set text(size: 8.5pt)
  set par(leading: 0.7em)
  if c.kind == "text" { lines(c.text) } else if c.text == "" [#c.label#linebreak()#small[（贴照片处）]] else {
    [#c.label#linebreak()#lines(c.text)]
    mark-of(c)
  }
})
#let field-of(c) = {
  if c.at("centred", default: false) { centre-of(c) }
  else if c.kind == "signature" {
    let closing = c.at("closing", default: "")
    grid(columns: (auto, 1fr), column-gutter: 4mm, align: (left + bottom, right + bottom), [#c.label：],
      if closing != "" { lines(closing) } else [年　　月　　日])
  } else if c.kind == "consent_box" [#box-of(c.ticked)#h(1mm)#c.label]
  else if c.kind == "display" { lines(c.label) }
  else if c.kind == "upload" [#c.label：#if c.text == "" [（附件另附）] else { lines(c.text) }]
  else { value-of(c) }
}
#let upright(text) = text.clusters().join(linebreak())
#let tiny(it) = text(size: 5.6pt, fill: soft, it)
#let tiny(it) = text(size: 5.6pt, fill: soft, it)
// What belongs together at the end of a label: a unit in brackets, and the star, which says nothing alone in a line.
#let ended(c) = {
  let parts = c.text.clusters()
  let open = parts.enumerate().filter(((i, p)) => p in ("（", "(")).map(((i, p)) => i).at(-1, default: 0)
  let is-unit = parts.last() in ("）", ")") and parts.len() - open < 7
  let cut = if is-unit { open } else { parts.len() - 1 }
  parts.slice(0, cut).join()
  box[#parts.slice(cut).join()#if c.required { text(fill: rgb("#8a1c1c"))[\*] }]
}
// Lines of a label of about the same length, rather than one character left for the last.
#let even(it) = layout(size => {
  let wide = measure(it).width
  let number = calc.max(1, calc.ceil(wide / size.width))
  block(width: calc.min(size.width, wide / number + 4mm), above: 0pt, below: 0pt, it)
})
#let label-of(c) = {
  set par(leading: 0.4em)
  set text(size: 9pt)
  even(ended(c))
  if c.en != "" { block(above: 0.9mm, below: 0pt, tiny(c.en)) }
}
#let tall(c, it) = if c.height == 0 { it } else {
  grid(columns: (0pt, 1fr), align: horizon, box(height: c.height * 1mm), it)
}
#let whole(c, it) = if c.closing == "" or c.kind == "signature" or c.height == 0 { tall(c, it) } else {
  // By hand: what is printed stands above, who signs below, and between them is room to write.
  block(width: 100%, {
    it
    v(c.height * 1mm - 5mm)
    align(right, lines(c.closing))
  })
}
#let cell-of(c) = table.cell(
  colspan: c.colspan, rowspan: c.rowspan,
  breakable: if c.kept and c.rowspan == 1 { false } else { auto },
  align: if c.heading or c.vertical or c.centred or c.kind == "label" { center + horizon } else { left + horizon },
  inset: if c.kind == "label" { (x: 0.8mm, y: 1.5mm) } else { (x: 1.6mm, y: 1.7mm) },
  fill: if c.heading { shade } else if c.kind == "label" or c.vertical or c.office { pale },
  whole(c, {
    if c.vertical { text(weight: "medium", upright(c.text)) }
    else if c.kind == "label" { label-of(c) }
    else if c.centred { centre-of(c) }
    else if c.kind == "text" { text(weight: if c.heading { "bold" } else { "regular" }, lines(c.text)) }
    else if c.kind == "empty" []
    else { field-of(c) }
  }),
)
#let head-cell(n, it) = table.cell(colspan: n, fill: shade, align: left + horizon, inset: (x: 2mm, y: 1.3mm), it)
#let grid-of(b) = table(
  columns: b.widths.map(w => w * 1fr),
  ..if b.head == "" { () } else {
    (table.header(head-cell(b.widths.len(), text(weight: "bold", lines(b.head)))),)
  },
  ..b.cells.map(cell-of),
)
#let rows-of(b) = {
  let n = b.columns.len()
  set text(size: if n > 7 { 7.5pt } else if n > 4 { 8.5pt } else { 9pt })
  set table(inset: (x: if n > 7 { 1.2mm } else { 1.6mm }, y: 1.5mm))
  table(
    columns: (NUMBERmm,) + b.widths.map(w => w * 1fr),
    align: center + horizon,
    table.header(
      ..if b.head == "" { () } else { (head-cell(n + 1, text(size: 9.5pt, weight: "bold", lines(b.head))),) },
      head-cell(n + 1, text(size: 9.5pt, weight: "bold", both(b.label, b.en))),
      table.cell(fill: pale)[序号],
      ..b.columns.map(c => table.cell(fill: pale)[#c.text#if c.en != "" [#linebreak()#tiny(c.en)]]),
    ),
    ..b.rows.zip(b.kept).enumerate().map(((i, (row, kept))) => ([#(i + 1)],) + row.map(c => table.cell(
      align: left + horizon, breakable: if kept { false } else { auto }, field-of(c)))).flatten(),
  )
}
// A block that is less than a third of a page stands on one page; what is longer goes on between its rows.
#let block-of(b) = context {
  let it = if b.kind == "grid" { grid-of(b) } else { rows-of(b) }
  let height = measure(block(width: 170mm, it)).height
  block(above: 0pt, below: 0pt, width: 100%, breakable: height > 100mm, it)
}

#block(width: 100%, above: 0pt, below: 2.5mm, align(center)[
  #text(size: 17pt, weight: "bold", lines(d.name))#if d.name_en != "" [#linebreak()#small(d.name_en)]
])
#grid(columns: (1fr, auto), align: (left, right),
  small[受理部门：#d.department#if d.case != "" [　　办件编号：#d.case]],
  small[#if d.number != "" [凭证编号：#d.number]],
)
#if d.notice != "" {
  let red = rgb("#8a1c1c")
  block(stroke: 0.6pt + red, inset: 1.6mm, width: 100%, text(size: 8.5pt, fill: red, lines(d.notice)))
}
#v(1mm)
#for b in d.blocks { block-of(b) }
#if d.notes.len() > 0 {
  block(above: 2mm, width: 100%, {
    set text(size: 7.5pt)
    [*填表说明*#linebreak()]
    for (i, each) in d.notes.enumerate() [#(i + 1). #each#linebreak()]
  })
}
#block(breakable: false, width: 100%, above: 2.5mm, {
  set text(size: 7.5pt)
  set par(leading: 0.5em)
  [*数据来源 #small[Sources]*#linebreak()]
  for l in d.legend [#box[#text(weight: "medium", fill: blue, l.mark) #l.text]#h(4mm)]
  if d.legend.len() > 0 { linebreak() }
  lines(d.remarks)
})
""".replace("NUMBERmm", f"{NUMBER_MM}mm")
)
"""A filled form: head with name, number and code, the blocks of its layout, the legend of sources."""
