import { Mail } from '@sendgrid/helpers/classes/index.js'
import mail from '@sendgrid/mail'

export default (): Response => {
  mail.setApiKey('SG.key')
  const to = ['Ann <a@example.test>', 'b@example.test']
  const content = { from: 'shop@example.test', subject: 'Hi', text: 'Hello' }
  return Response.json(Mail.create({ ...content, to }).toJSON())
}
