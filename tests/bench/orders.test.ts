/** The orders function, whose cold start is measured, answers as a real API would. */
import { describe, expect, test } from 'bun:test'
import orders from '../../bench/functions/orders.ts'
import { ORDERS } from '../../bench/handlers.ts'

const post = (body: string | undefined) =>
  orders.request('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body }),
  })

describe('orders', () => {
  test('the measured request is answered with what the bench expects', async () => {
    const response = await post(ORDERS.body)
    expect(response.status).toBe(201)
    ORDERS.check(await response.text())
  })

  test('the bench refuses any other answer', () => {
    expect(() => ORDERS.check('{}')).toThrow("Function 'orders' sent an unexpected response: {}")
  })

  test('an order that breaks the schema is refused with its issues', async () => {
    const order = JSON.parse(ORDERS.body ?? '')
    const response = await post(JSON.stringify({ ...order, email: 'nobody', items: [] }))
    expect(response.status).toBe(422)
    const { error } = (await response.json()) as { error: string }
    expect(error).toContain('email: ')
    expect(error).toContain('items: ')
  })

  test('a product that does not exist is refused', async () => {
    const order = JSON.parse(ORDERS.body ?? '')
    const items = [{ sku: 'XXX-99', count: 1 }]
    const response = await post(JSON.stringify({ ...order, items }))
    expect(response.status).toBe(422)
    expect(await response.json()).toEqual({ error: 'product XXX-99 does not exist' })
  })

  test('a query is validated, and has defaults', async () => {
    const found = await orders.request('/products?tag=office&sort=price&limit=1')
    expect(await found.json()).toMatchObject({ products: [{ sku: 'PEN-01' }] })
    expect((await orders.request('/products?limit=0')).status).toBe(422)
    expect(await (await orders.request('/products')).json()).toMatchObject({
      products: [{ name: 'Ink' }, { name: 'Mug' }, { name: 'Pen' }],
    })
  })

  test('other routes', async () => {
    expect(await (await orders.request('/products/MUG-03')).json()).toEqual({
      sku: 'MUG-03',
      cents: 1450,
    })
    expect((await orders.request('/nothing')).status).toBe(404)
  })
})
