import webPush from 'web-push'

export default async (): Promise<Response> => {
  const keys = webPush.generateVAPIDKeys()
  const headers = webPush.getVapidHeaders(
    'https://push.test',
    'mailto:a@example.test',
    keys.publicKey,
    keys.privateKey,
    'aes128gcm',
  )
  const subscription = {
    endpoint: 'https://push.test/send/1',
    keys: { p256dh: webPush.generateVAPIDKeys().publicKey, auth: 'AAAAAAAAAAAAAAAAAAAAAA' },
  }
  const details = webPush.generateRequestDetails(subscription, 'hello', {
    TTL: 60,
    vapidDetails: { subject: 'mailto:a@example.test', ...keys },
  })
  const [, token = ''] = /t=([^,]+)/.exec(headers.Authorization) ?? []
  return Response.json({
    claims: JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
    key: headers.Authorization.endsWith(`k=${keys.publicKey}`),
    details: [
      details.method,
      details.headers.TTL,
      details.headers['Content-Encoding'],
      details.body?.length,
    ],
  })
}
