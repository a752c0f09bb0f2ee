import i18next from 'i18next'

const resources = {
  en: {
    translation: {
      hi: 'Hello {{name}}',
      item_one: '{{count}} item',
      item_other: '{{count}} items',
    },
  },
  de: { translation: { hi: 'Hallo {{name}}' } },
}
await i18next.init({ lng: 'en', fallbackLng: 'en', resources })

export default (req: Request): Response => {
  const t = i18next.getFixedT(new URL(req.url).searchParams.get('lng') ?? 'en')
  return Response.json([t('hi', { name: '<Ann>' }), t('missing.key'), t('missing', 'the default')])
}
