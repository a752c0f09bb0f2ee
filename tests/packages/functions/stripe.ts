import Stripe from 'stripe'

const fake: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const form = new URLSearchParams(await request.text())
  if (form.get('amount') === '0')
    return Response.json(
      { error: { type: 'invalid_request_error', message: 'no amount', code: 'amount_too_small' } },
      { status: 400 },
    )
  return Response.json({
    id: 'pi_1',
    object: 'payment_intent',
    amount: Number(form.get('amount')),
    path: new URL(request.url).pathname,
    auth: request.headers.get('authorization'),
  })
}
const stripe = new Stripe('sk_test_x', {
  httpClient: Stripe.createFetchHttpClient(fake),
  maxNetworkRetries: 0,
})

export default async (req: Request): Promise<Response> => {
  const signature = req.headers.get('stripe-signature')
  if (signature !== null) {
    try {
      const event = await stripe.webhooks.constructEventAsync(
        await req.text(),
        signature,
        'whsec_test',
      )
      return Response.json({ type: event.type })
    } catch (error) {
      return Response.json(
        {
          error: (error as Error).name || (error as { type: string }).type,
          type: (error as { type: string }).type,
        },
        { status: 400 },
      )
    }
  }
  try {
    const intent = await stripe.paymentIntents.create({
      amount: Number(new URL(req.url).searchParams.get('amount')),
      currency: 'eur',
    })
    return Response.json(intent)
  } catch (error) {
    return Response.json({ code: (error as { code: string }).code }, { status: 402 })
  }
}
