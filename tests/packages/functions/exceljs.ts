import ExcelJS from 'exceljs'

/** Writes a workbook and reads it again. */
export default async (): Promise<Response> => {
  const workbook = new ExcelJS.Workbook()
  const sheet = workbook.addWorksheet('Orders')
  sheet.columns = [
    { header: 'Item', key: 'item', width: 20 },
    { header: 'Price', key: 'price' },
  ]
  sheet.addRow({ item: 'Tea', price: 3.5 })
  sheet.addRow({ item: 'Cake', price: { formula: 'B2*2', result: 7 } })
  const bytes = await workbook.xlsx.writeBuffer()
  const again = new ExcelJS.Workbook()
  await again.xlsx.load(bytes as ArrayBuffer)
  const rows: unknown[] = []
  again
    .getWorksheet('Orders')
    ?.eachRow(
      (row) =>
        void rows.push([row.getCell(1).value, row.getCell(2).result ?? row.getCell(2).value]),
    )
  return Response.json({ rows })
}
