import QRCode from 'qrcode'

export default async (req: Request): Promise<Response> => {
  const text = await req.text()
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'M' })
  const svg = await QRCode.toString(text, { type: 'svg' })
  return Response.json({ size: modules.size, svg: svg.startsWith('<svg') && svg.includes('<path') })
}
