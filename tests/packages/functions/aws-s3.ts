import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'

export default async (request: Request): Promise<Response> => {
  const url = new URL(request.url)
  const client = new S3Client({
    endpoint: url.searchParams.get('upstream') ?? '',
    region: 'eu-central-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  })
  const Bucket = 'pictures'
  try {
    if (url.pathname === '/list') {
      const list = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/' }))
      const keys = list.Contents?.map(({ Key, Size, LastModified }) => [Key, Size, LastModified])
      return Response.json({ keys, more: list.IsTruncated, next: list.NextContinuationToken })
    }
    if (url.pathname === '/put') {
      const put = new PutObjectCommand({ Bucket, Key: 'a/new.txt', Body: 'hello' })
      return Response.json({ tag: (await client.send(put)).ETag })
    }
    const got = await client.send(new GetObjectCommand({ Bucket, Key: url.pathname.slice(1) }))
    return new Response(await got.Body?.transformToString())
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error
    const { name, message, $metadata } = error
    return Response.json({ name, message, status: $metadata.httpStatusCode }, { status: 502 })
  }
}
