import { PDFDocument, rgb, StandardFonts } from 'pdf-lib'

export default async (req: Request): Promise<Response> => {
  const document = await PDFDocument.create()
  const font = await document.embedFont(StandardFonts.Helvetica)
  const page = document.addPage([300, 200])
  page.drawText(await req.text(), { x: 20, y: 150, font, size: 18, color: rgb(0, 0.3, 0.6) })
  document.setTitle('Invoice')
  const bytes = await document.save()
  const again = await PDFDocument.load(bytes)
  return Response.json({
    pages: again.getPageCount(),
    title: again.getTitle(),
    head: new TextDecoder().decode(bytes.subarray(0, 8)),
    width: Math.round(font.widthOfTextAtSize('Hello', 18)),
  })
}
