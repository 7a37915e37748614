"""The example of an upload in chunks, which is more than one request; in the order of the languages of `samples`."""

_CURL = """\
LENGTH=$(wc -c <{file})
for START in $(seq 0 5242880 $((LENGTH - 1))); do
  STOP=$((START + 5242880 < LENGTH ? START + 5242879 : LENGTH - 1))
  tail -c +$((START + 1)) {file} | head -c $((STOP - START + 1)) |
    curl --fail-with-body -u demo:demo -X PUT \\
      -H "Content-Range: bytes $START-$STOP/$LENGTH" \\
      -H 'Content-Type: text/plain' \\
      -H 'Content-Disposition: attachment; filename="{file}"' \\
      --data-binary @- '{url}'
done"""

_PYTHON = """\
import os
import httpx

CHUNK = 5 * 1024 * 1024
headers = {{"Content-Type": "text/plain", "Content-Disposition": 'attachment; filename="{file}"'}}
length = os.path.getsize("{file}")
with open("{file}", "rb") as file, httpx.Client(auth=("demo", "demo")) as client:
    for start in range(0, length, CHUNK):
        chunk = file.read(CHUNK)
        headers["Content-Range"] = f"bytes {{start}}-{{start + len(chunk) - 1}}/{{length}}"
        answer = client.put("{url}", content=chunk, headers=headers)
        answer.raise_for_status()
        print(answer.json())"""

_JAVASCRIPT = """\
import {{ openAsBlob }} from "node:fs";

const CHUNK = 5 * 1024 * 1024;
const file = await openAsBlob("{file}"); // in a browser: a File of an <input>
for (let start = 0; start < file.size; start += CHUNK) {{
  const stop = Math.min(start + CHUNK, file.size);
  const answer = await fetch("{url}", {{
    method: "PUT",
    headers: {{
      Authorization: "Basic " + btoa("demo:demo"),
      "Content-Range": `bytes ${{start}}-${{stop - 1}}/${{file.size}}`,
      "Content-Type": "text/plain",
      "Content-Disposition": 'attachment; filename="{file}"',
    }},
    body: file.slice(start, stop),
  }});
  if (!answer.ok) throw new Error((await answer.json()).message);
  console.log(await answer.json());
}}"""

CHUNKED = (_CURL, _PYTHON, _JAVASCRIPT)
