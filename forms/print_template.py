"""The typst sources that documents are set from. Fixed: what anybody wrote comes beside them, as JSON, as plain text.

`PRELUDE` is what all documents share: paper, font, page numbers, and how text with line breaks is set. A string handed
to typst as data is never markup, whatever it holds.
"""

PRELUDE = r"""
#let d = json(bytes(sys.inputs.data))
#let blue = rgb("#0b4f9e")
#let soft = luma(35%)
#set document(title: d.title, author: d.author)
#set page(
  paper: "a4",
  margin: (x: 17mm, top: 15mm, bottom: 19mm),
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
#let lines(text) = text.split("\n").join(linebreak())
#let small(it) = text(size: 7pt, fill: soft, it)
#let both(zh, en) = [#zh#if en != "" [ #small(en)]]
"""

FORM_SOURCE = (
    PRELUDE
    + r"""
#let box-of(ticked) = box(width: 8pt, height: 8pt, stroke: 0.6pt, baseline: 1pt,
  if ticked { align(center + horizon, text(size: 7pt, weight: "bold")[√]) })
#let mark-of(c) = if c.mark != "" [#h(1pt)#text(size: 6.5pt, fill: blue, baseline: -3pt, c.mark)]
#let value-of(c) = {
  if c.hidden { text(fill: soft)[／] } else {
    lines(c.text)
    mark-of(c)
    if c.disputed { linebreak(); text(size: 8pt)[有异议，本人主张：#lines(c.own)] }
  }
}
#let field-of(c) = {
  if c.kind == "signature" {
    grid(columns: (1fr, auto), align: bottom, [#c.label：], [年　　月　　日])
  } else if c.kind == "consent_box" [#box-of(c.ticked)#h(1mm)#c.label]
  else if c.kind == "display" { lines(c.label) }
  else if c.kind == "upload" [#c.label：#if c.text == "" [（附件另附）] else { lines(c.text) }]
  else { value-of(c) }
}
#let upright(text) = text.clusters().join(linebreak())
#let label-of(c) = {
  c.text
  if c.required { text(fill: rgb("#8a1c1c"))[\*] }
  if c.en != "" { linebreak(); small(c.en) }
}
#let row-of(i, row) = ([#(i + 1)],) + row.map(c => table.cell(align: left + horizon, field-of(c)))
#let tall(height, it) = if height == 0 { it } else {
  grid(columns: (0pt, 1fr), align: horizon, box(height: height * 1mm), it)
}
#let cell-of(c) = table.cell(
  colspan: c.colspan, rowspan: c.rowspan,
  align: if c.heading or c.vertical or c.kind == "label" { center + horizon } else { left + horizon },
  fill: if c.heading or c.office { luma(93%) } else if c.kind == "label" or c.vertical { luma(97%) },
  tall(c.height, {
    if c.vertical { text(weight: "medium", upright(c.text)) }
    else if c.kind == "label" { label-of(c) }
    else if c.kind == "text" { text(weight: if c.heading { "bold" } else { "regular" }, lines(c.text)) }
    else if c.kind == "empty" []
    else { field-of(c) }
  }),
)
#let block-of(b) = if b.kind == "grid" {
  table(columns: b.widths.map(w => w * 1fr), ..b.cells.map(cell-of))
} else {
  table(
    columns: (12mm,) + b.columns.map(_ => 1fr),
    align: center + horizon,
    table.header(
      table.cell(colspan: b.columns.len() + 1, fill: luma(93%), text(weight: "bold", both(b.label, b.en))),
      ..([序号],).map(x => table.cell(fill: luma(97%), x)),
      ..b.columns.map(c => table.cell(fill: luma(97%), [#c.text#if c.en != "" [#linebreak()#small(c.en)]])),
    ),
    ..b.rows.enumerate().map(((i, row)) => row-of(i, row)).flatten(),
  )
}

#grid(
  columns: (34mm, 1fr, 34mm), align: (left + top, center + horizon, right + top),
  small[#if d.form_no != "" [表号：#d.form_no#linebreak()]#d.form　第 #d.version 版#linebreak()事项：#d.matter],
  [#text(size: 17pt, weight: "bold", d.name)#if d.name_en != "" [#linebreak()#small(d.name_en)]],
  if d.qr != "" [#image(bytes(d.qr), format: "svg", width: 19mm)],
)
#grid(columns: (1fr, auto), align: (left, right),
  small[受理部门：#d.department#if d.case != "" [　　办件编号：#d.case]],
  small[#if d.number != "" [凭证编号：#d.number]],
)
#if d.notice != "" {
  let red = rgb("#8a1c1c")
  block(stroke: 0.6pt + red, inset: 1.6mm, width: 100%, text(size: 8.5pt, fill: red, lines(d.notice)))
}
#v(1mm)
#for b in d.blocks { block(above: 0pt, below: 0pt, block-of(b)) }
#v(2mm)
#block(breakable: false, width: 100%, {
  set text(size: 7.5pt)
  set par(leading: 0.5em)
  [*数据来源 #small[Sources]*#linebreak()]
  for l in d.legend [#box[#text(fill: blue, l.mark) #l.text]#h(4mm)]
  linebreak()
  lines(d.remarks)
})
"""
)
"""A filled form: head with name, number and code, the blocks of its layout, the legend of sources."""
