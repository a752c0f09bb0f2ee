import hljs from 'highlight.js/lib/core'
import javascript from 'highlight.js/lib/languages/javascript'
import MarkdownIt from 'markdown-it'

hljs.registerLanguage('js', javascript)
const markdown = new MarkdownIt({
  linkify: true,
  highlight: (code, language) =>
    hljs.getLanguage(language) ? hljs.highlight(code, { language }).value : '',
})

export default async (req: Request): Promise<Response> =>
  new Response(markdown.render(await req.text()))
