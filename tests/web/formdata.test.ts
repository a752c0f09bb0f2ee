import { describe } from 'bun:test'
import { inWorker } from './harness.ts'

/** Bun's types do not declare the constructor as browsers have it. */
type Form = Omit<FormData, 'append' | 'forEach'> & {
  append(name: string, value: unknown, filename?: string): void
  forEach(each: (value: unknown, name: string, all: Form) => void): void
  [Symbol.iterator](): Iterator<[string, unknown]>
  keys(): IterableIterator<string>
  values(): IterableIterator<unknown>
}

describe('FormData', () => {
  inWorker({
    'its methods': () => {
      const data = new FormData() as never as Form
      data.append('a', '1')
      data.append('b', 2 as never)
      data.append('a', '3')
      same([data.get('a'), data.getAll('a'), data.get('none')], ['1', ['1', '3'], null])
      data.set('a', '4')
      same(
        [...data],
        [
          ['a', '4'],
          ['b', '2'],
        ],
      )
      data.delete('b')
      same([data.has('a'), data.has('b')], [true, false])
      const seen: unknown[] = []
      data.forEach((value, name, all) => {
        seen.push(value, name, all === data)
      })
      same(seen, ['4', 'a', true])
      same([...data.keys(), ...data.values()], ['a', '4'])
      throws(() => data.append('x', 'y', 'name' as never), 'TypeError')
      throws(() => Reflect.construct(FormData, [{}]), 'TypeError')
      throws(() => FormData.prototype.get.call({} as FormData, 'a'), 'TypeError')
    },
    'blobs become files': () => {
      const data = new FormData() as never as Form
      data.append('a', new Blob(['x'], { type: 'a/b' }))
      data.append('b', new File(['y'], 'y.txt', { lastModified: 5 }))
      data.append('c', new File(['y'], 'y.txt', { lastModified: 5 }), 'other')
      const [a, b, c] = [...data.values()] as unknown[] as File[]
      same([a?.name, a?.type, a instanceof File], ['blob', 'a/b', true])
      same([b?.name, b?.lastModified, c?.name, c?.lastModified], ['y.txt', 5, 'other', 5])
    },
    'multipart, there and back': async () => {
      const data = new FormData() as never as Form
      data.append('plain', 'h\u00e9\nllo')
      data.append('a "quoted"\r\nname', '')
      data.append('file', new File([new Uint8Array([0, 13, 10, 255])], 'f"\n.bin', { type: 'a/b' }))
      data.append('empty', new File([], 'e.txt'))
      const response = new Response(data as never)
      const type = response.headers.get('content-type') as string
      const bytes = await response.bytes()
      const text = new TextDecoder().decode(bytes)
      same(text.includes('name="a %22quoted%22%0D%0Aname"'), true)
      const back = await new Response(bytes, { headers: { 'content-type': type } }).formData()
      same([...back.keys()], ['plain', 'a "quoted"\r\nname', 'file', 'empty'])
      same(back.get('plain'), 'h\u00e9\r\nllo')
      const file = back.get('file') as File
      same([file.name, file.type], ['f"\n.bin', 'a/b'])
      same(await file.bytes(), new Uint8Array([0, 13, 10, 255]))
      same((back.get('empty') as File).size, 0)
    },
    'multipart as others write it': async () => {
      const parse = (body: string, type = 'multipart/form-data; boundary=X') =>
        new Response(body, { headers: { 'content-type': type } }).formData()
      const data = await parse(
        '\r\n--X \t\r\ncontent-disposition:  FORM-DATA; name="a"\r\nX-Other: y\r\n\r\n1\r\n' +
          '--X\r\nContent-Type: text/html\r\nContent-Disposition: form-data; filename="f"; name="b"\r\n\r\n--X-\r\n2\r\n' +
          '--X--\r\nepilogue',
      )
      same(data.get('a'), '1')
      const file = data.get('b') as File
      same([file.name, file.type, await file.text()], ['f', 'text/html', '--X-\r\n2'])
      same([...(await parse('--X--\r\n'))], [])
      same([...(await parse('--X--\r\n', 'Multipart/Form-Data;charset=x;boundary="X"'))], [])
    },
    'what is malformed': async () => {
      const bad = [
        '',
        'x',
        '--X',
        '--X\r\n',
        '--X\r\n\r\nvalue\r\n--X--',
        '--X\r\nContent-Disposition: form-data\r\n\r\nv\r\n--X--',
        '--X\r\nContent-Disposition: other; name="a"\r\n\r\nv\r\n--X--',
        '--X\r\nContent-Disposition: form-data; name="a\r\n\r\nv\r\n--X--',
        '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nv',
        '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n--Y--',
        '--X\r\nNo colon\r\n\r\nv\r\n--X--',
      ]
      for (const body of bad) {
        const headers = { 'content-type': 'multipart/form-data; boundary=X' }
        await rejects(new Response(body, { headers }).formData(), 'TypeError')
      }
      for (const type of ['multipart/form-data', 'text/plain', 'x']) {
        await rejects(
          new Response('--X--', { headers: { 'content-type': type } }).formData(),
          'TypeError',
        )
      }
      await rejects(new Response(new Uint8Array(2)).formData(), 'TypeError')
    },
    urlencoded: async () => {
      const parse = (body: string | Uint8Array) =>
        new Response(body as string, {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }).formData()
      same(
        [...(await parse('a=1&b=%C3%A9+x&&c'))],
        [
          ['a', '1'],
          ['b', '\u00e9 x'],
          ['c', ''],
        ],
      )
      same([...(await parse('?a=1'))], [['?a', '1']])
      same((await parse(new Uint8Array([97, 61, 255]))).get('a'), '\ufffd')
      const sent = await new Response(new URLSearchParams('a=b')).formData()
      same([...sent], [['a', 'b']])
    },
    'a file of 4 MB': async () => {
      const bytes = new Uint8Array(4 << 20).map((_, i) => i * 31)
      const data = new FormData() as never as Form
      data.append('f', new File([bytes], 'f'))
      const back = await new Response(data as never).formData()
      const file = await (back.get('f') as File).bytes()
      same(file.length, bytes.length)
      same(
        file.every((byte, i) => byte === bytes[i]),
        true,
      )
    },
  })
})

describe('Blob and File', () => {
  inWorker({
    'text is without a byte order mark at its begin, slices keep every byte': async () => {
      const blob = new Blob(['\ufeffa\ufeff'])
      same(await blob.text(), 'a\ufeff')
      same(await blob.slice(1).text(), '\ufffd\ufffda\ufeff')
      same((await blob.bytes()).length, 7)
    },
    'parts of every kind': async () => {
      const bytes = new TextEncoder().encode('abcd')
      const blob = new Blob([
        'h\u00e9',
        bytes,
        bytes.buffer,
        new DataView(bytes.buffer, 1, 2),
        new Blob(['x']),
        5 as never,
      ])
      same(await blob.text(), 'h\u00e9abcdabcdbcx5')
      same(blob.size, 15)
      same(new Blob().size, 0)
      same(await new Blob(['\ud800']).text(), '\ufffd')
      for (const bad of ['x', 1, null, {}, new Date()])
        throws(() => new Blob(bad as never), 'TypeError')
    },
    'type and endings': async () => {
      same(new Blob([], { type: 'Text/PLAIN' }).type, 'text/plain')
      same(new Blob([], { type: '\u00e9' }).type, '')
      same(await new Blob(['a\r\nb\rc\n'], { endings: 'native' } as never).text(), 'a\nb\nc\n')
      same(await new Blob(['a\r\n']).text(), 'a\r\n')
      throws(() => new Blob([], { endings: 'x' } as never), 'TypeError')
    },
    slices: async () => {
      const blob = new Blob(['0123456789'], { type: 'a/b' })
      const text = (...args: [number?, number?, string?]) => blob.slice(...args).text()
      same(await text(), '0123456789')
      same(
        [await text(2, 4), await text(-3), await text(-3, -1), await text(8, 2)],
        ['23', '789', '78', ''],
      )
      same([await text(1.5, 2.5), await text(NaN, 2), await text(5, 1e20)], ['', '01', '56789'])
      same([blob.slice(0, 1).type, blob.slice(0, 1, 'C/D').type], ['', 'c/d'])
      same(await blob.slice(2, 8).slice(1, 3).text(), '34')
    },
    'what is read is a copy': async () => {
      const blob = new Blob(['abc'])
      const bytes = await blob.bytes()
      bytes[0] = 0
      new Uint8Array(await blob.arrayBuffer())[0] = 0
      for await (const chunk of blob.stream()) chunk[0] = 0
      same(await blob.text(), 'abc')
    },
    File: () => {
      const file = new File(['x'], 'n/a\ud800', { type: 'a/b', lastModified: 12.9 })
      same([file.name, file.type, file.size, file.lastModified], ['n/a\ufffd', 'a/b', 1, 12])
      same(file instanceof Blob, true)
      same(Math.abs(new File([], 'x').lastModified - Date.now()) < 1000, true)
      // @ts-expect-error a name is needed
      throws(() => new File([]), 'TypeError')
      throws(
        () => Object.getOwnPropertyDescriptor(File.prototype, 'name')?.get?.call(new Blob()),
        'TypeError',
      )
    },
  })
})
