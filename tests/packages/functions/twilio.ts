import twilio from 'twilio'

export default async (req: Request): Promise<Response> => {
  const url = 'https://shop.test/hook'
  const params = { Body: 'Hello', From: '+15550001' }
  const signature = req.headers.get('x-twilio-signature') ?? ''
  const voice = new twilio.twiml.VoiceResponse()
  voice.say({ voice: 'alice' }, 'Hello & welcome')
  voice.dial('+15550002')
  return Response.json({
    valid: twilio.validateRequest('token', signature, url, params),
    expected: twilio.getExpectedTwilioSignature('token', url, params),
    twiml: voice.toString(),
    sid: twilio(`AC${'0'.repeat(32)}`, 'token').api.v2010.account.messages !== undefined,
  })
}
