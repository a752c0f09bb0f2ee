import { customAlphabet, nanoid } from 'nanoid'

const digits = customAlphabet('0123456789', 12)

export default (): Response => Response.json({ id: nanoid(), digits: digits() })
