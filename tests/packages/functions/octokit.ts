import { Octokit } from '@octokit/core'

const fake = async (url: string, init: RequestInit) => {
  if (url.endsWith('/missing')) return Response.json({ message: 'Not Found' }, { status: 404 })
  return Response.json({
    url,
    method: init.method,
    accept: new Headers(init.headers).get('accept'),
  })
}
const octokit = new Octokit({ auth: 'token', request: { fetch: fake } })

export default async (): Promise<Response> => {
  const { data, status } = await octokit.request('GET /repos/{owner}/{repo}', {
    owner: 'a',
    repo: 'b c',
  })
  const failed = await octokit.request('GET /missing').catch((error) => error.status)
  return Response.json({ data, status, failed })
}
