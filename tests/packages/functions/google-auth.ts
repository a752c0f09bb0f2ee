import { GoogleAuth, JWT, OAuth2Client } from 'google-auth-library'

export default async (): Promise<Response> => {
  const client = new OAuth2Client({
    clientId: 'id',
    clientSecret: 'secret',
    redirectUri: 'https://shop.test/back',
  })
  const url = new URL(
    client.generateAuthUrl({ access_type: 'offline', scope: ['email'], state: 'x' }),
  )
  const { codeVerifier, codeChallenge } = await client.generateCodeVerifierAsync()
  client.setCredentials({ access_token: 'token', expiry_date: Date.now() + 3_600_000 })
  const headers = await client.getRequestHeaders()
  return Response.json({
    host: url.host,
    query: Object.fromEntries(url.searchParams),
    lengths: [codeVerifier.length, codeChallenge?.length],
    auth: new Headers(headers as never).get('authorization'),
    kinds: [typeof GoogleAuth, typeof JWT],
  })
}
