import BigNumber from 'bignumber.js'
import Decimal from 'decimal.js'

Decimal.set({ precision: 40 })

export default (): Response =>
  Response.json({
    sum: new Decimal('0.1').plus('0.2').toString(),
    root: new Decimal(2).sqrt().toPrecision(40),
    power: new BigNumber(2).pow(200).toFixed(),
    rounded: new BigNumber('1.005').dp(2, BigNumber.ROUND_HALF_UP).toString(),
    formatted: new BigNumber('1234567.891').toFormat(2),
  })
