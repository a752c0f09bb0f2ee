import { BSON, MongoClient, ObjectId } from 'mongodb'

export default (): Response => {
  const id = new ObjectId('65f0c0ffee65f0c0ffee65f0')
  const document = {
    _id: id,
    name: 'Änn',
    at: new Date(0),
    big: BSON.Long.fromString('9007199254740993'),
    price: BSON.Decimal128.fromString('1.50'),
    list: [1, 2.5, null, true],
    bytes: new BSON.Binary(new Uint8Array([1, 2, 3])),
  }
  const bytes = BSON.serialize(document)
  const read = BSON.deserialize(bytes, { promoteLongs: false })
  const client = new MongoClient('mongodb://ann:secret@db.test:27018/shop?replicaSet=rs0')
  return Response.json({
    size: bytes.length,
    id: read._id.toHexString(),
    time: id.getTimestamp().toISOString(),
    name: read.name,
    at: read.at.toISOString(),
    big: read.big.toString(),
    price: read.price.toString(),
    list: read.list.map((one: unknown) => (typeof one === 'object' ? one : Number(one))),
    text: BSON.EJSON.stringify({ id, at: document.at }),
    fresh: ObjectId.isValid(new ObjectId().toHexString()),
    hosts: client.options.hosts.map(String),
    db: client.options.dbName,
  })
}
