/** The handlers that are measured, and the request that each is measured with. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, Workspace } from '../tests/e2e/harness.ts'

export interface Handler {
  /** The function's name. */
  name: string
  /** Path of the measured request, below the function's own. */
  path: string
  /** JSON body of the measured request; a GET without it. */
  body?: string
  /** Deploys the function; `flags` are flags of `functions deploy`. */
  deploy(space: Workspace, ...flags: string[]): Promise<void>
  /** Throws unless `answer` is the right response to the measured request. */
  check(answer: string): void
}

/** Statements of the hello handler; the peers serve the same. */
export const HELLO_BODY = `{
    const url = new URL(req.url)
    const name = url.searchParams.get('name') || 'World'
    return Response.json({ message: 'Hello, ' + name + '!', timestamp: new Date().toISOString(), method: req.method, path: url.pathname })
  }`

export const HELLO: Handler = {
  name: 'hello',
  path: '',
  deploy: (space, ...flags) =>
    space.deploy('hello', `export default (req: Request) => ${HELLO_BODY}\n`, ...flags),
  check: (answer) =>
    requireAnswer('hello', answer, answer.startsWith('{"message":"Hello, World!"')),
}

/** A Hono application with zod schemas (functions/orders.ts), called with an order to validate. */
export const ORDERS: Handler = {
  name: 'orders',
  path: '/orders',
  body: JSON.stringify({
    email: 'Ada@Example.com',
    items: [
      { sku: 'PEN-01', count: 10 },
      { sku: 'MUG-03', count: 2 },
    ],
    shipTo: { name: 'Ada', street: '1 Main Street', postcode: '10115', country: 'DE' },
    payment: { kind: 'invoice', days: 30 },
  }),
  deploy: (space, ...flags) => {
    // The bundler takes packages only from below the project's own directory.
    for (const name of ['hono', 'zod']) {
      const packageDir = `node_modules/${name}`
      cpSync(join(ROOT, packageDir), join(space.dir, packageDir), { recursive: true })
    }
    const source = readFileSync(join(import.meta.dir, 'functions/orders.ts'), 'utf8')
    return space.deploy('orders', source, ...flags)
  },
  check: (answer) => requireAnswer('orders', answer, answer === ORDERS_ANSWER),
}

const ORDERS_ANSWER = '{"email":"ada@example.com","lines":2,"net":4100,"vat":779,"total":4879}'

function requireAnswer(name: string, answer: string, right: boolean): void {
  if (!right) {
    throw new Error(`Function '${name}' sent an unexpected response: ${answer.slice(0, 200)}`)
  }
}

/** The bundle that `functions deploy` makes of a handler. */
export async function bundleOf(handler: Handler): Promise<string> {
  const space = new Workspace()
  try {
    await handler.deploy(space)
    const path = join(space.dataDir, `bundles/func-${handler.name}/v1/bundle.js`)
    return readFileSync(path, 'utf8')
  } finally {
    space.remove()
  }
}
