import * as cheerio from 'cheerio'

export default async (req: Request): Promise<Response> => {
  const $ = cheerio.load(await req.text())
  $('a').each((_, link) => void $(link).attr('rel', 'noopener'))
  return Response.json({
    title: $('title').text(),
    links: $('ul > li:nth-child(odd) a')
      .map((_, link) => $(link).attr('href'))
      .get(),
    html: $('ul').html(),
  })
}
