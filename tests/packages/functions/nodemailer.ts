import nodemailer from 'nodemailer'

export default async (): Promise<Response> => {
  const transport = nodemailer.createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'unix',
  })
  const { envelope, message } = await transport.sendMail({
    from: 'Shop <shop@example.test>',
    to: ['a@example.test', 'Ünï <b@example.test>'],
    subject: 'Bestätigung',
    text: 'Hello Änn',
    html: '<p>Hello</p>',
    messageId: '<1@example.test>',
    attachments: [{ filename: 'a.txt', content: 'content' }],
  })
  return Response.json({ envelope, text: String(message) })
}
