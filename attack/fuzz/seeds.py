"""What the fuzz begins with, for each target: inputs of the tests of the rooms."""

FORM = (
    b'--B\r\nContent-Disposition: form-data; name="object"\r\n\r\n{"name":"a.txt","type":"text/plain"}\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"bytes\r\n--B--\r\n"
)
EVENT = (
    b'{"source":{"id":"1001"},"type":"t","time":"2026-11-24T12:00:00.000Z","text":"x","c8y_Custom":{"a":[1,2.5e3,'
    b'null,true,"\\u00e4\\ud83d\\ude00"]}}'
)

SEEDS: dict[str, tuple[bytes, ...]] = {
    "header": (
        b"\x80GET /event/events?pageSize=5 HTTP/1.1\r\nHost: test:8080\r\nAccept: */*\r\n\r\n",
        b"\x10POST /event/events/1/binaries HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3\r\n\r\nabc",
        b"\xf0PUT http://test/a%20b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x80GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x80GET / HTTP/1.1\r\nContent-Length: 1" + b"0" * 5000 + b"\r\n\r\n",
        b"\x00GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
        b"\x00GET / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ),
    "multipart": (
        b"\x50" + FORM,
        b"\xff\r\n--B\r\n\r\na\r\n--B --\r\n",
        b"\x01--B\r\nA: b\r\n c\r\n\r\n",
    ),
    "form": (
        FORM,
        b'--B\r\nContent-Disposition: form-data; name="x.bin"\r\n\r\n\r\n--B--',
        FORM.replace(b"bytes", b"x" * 1100),
        b"--B\r\nContent-Disposition: form-data; name=file; filename*=UTF-8''%e2%82%ac\r\n\r\na\r\n--B--",
    ),
    "range": (
        b"0-3/10",
        b"bytes 0-3/*",
        b"bytes=0-9",
        b"bytes=-5",
        b"bytes=5-",
        b"bytes=0-0,2-3",
        b"bytes=1" + b"0" * 5000 + b"-",
        b"9-0/*",
    ),
    "query": (
        b"source=1001&type=t&dateFrom=2026-11-24&dateTo=2026-11-24T12:00:00%2B01:00&pageSize=5&currentPage=2",
        b"fragmentType=a&fragmentValue=b&revert=true&withTotalPages=true&withSourceAssets=false",
        b"query=$filter=(name+eq+'pump*'+and+not(has(c8y_IsDevice)))+$orderby=name&ids=1,2&text='a+b'",
        b"query=" + b"(" * 2000,
        b"q=a.b+eq+1+or+x/y+eq+'it''s'&owner=x",
    ),
    "document": (
        EVENT,
        b"2026-11-24T23:59:60.123456789+01:30",
        b'{"type":"c8y_Serial","externalId":"a"}',
        b"[" * 70,
        b'{"a":1e999}',
        b'{"a":"\\ud83d"}',
        b'{"a":1' + b"0" * 5000 + b"}",
        b"0001-01-01T00:00+23:59",
    ),
    "fields": (
        b'attachment; filename="a\\"b.txt"; filename*=UTF-8\'\'%c3%a4.txt',
        b'multipart/form-data; boundary="B", multipart/form-data',
        b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:AA==:",
        b'W/"a", "b"',
        b"Tue, 24 Nov 2026 12:00:00 GMT",
    ),
}
