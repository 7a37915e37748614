"""testssl.sh on a server with a certificate that it made itself (`--tls-self-signed`)."""

import json
from typing import Any

from attack.serving import served
from attack.shows import Plan, Row, run_with_progress, say
from attack.tools import program

_WITHIN_S, _QUICK_WITHIN_S = 900, 300
_HARMLESS = ("OK", "INFO", "LOW", "DEBUG")
# A finding that is no fault of the server's, and why.
EXCEPTIONS = {
    "BREACH": "only the console's own files are compressed: they hold no secret and repeat nothing of a request",
    "cert_chain_of_trust": "self-signed: no authority that a browser knows stands for it",
    "cert_revocation": "self-signed: no authority can revoke it",
    "sessionresumption_ticket": "a check that testssl could not make; `openssl s_client -sess_in` shows it working",
}


def judged(findings: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the findings above LOW that count, and those that are exceptions, each as a sentence."""
    counted: list[str] = []
    excepted: list[str] = []
    for finding in findings:
        if finding["severity"] in _HARMLESS:
            continue
        name = finding["id"].split(" ")[0]
        text = f"{finding['id']} ({finding['severity']}): {finding['finding']}"
        reason = EXCEPTIONS.get(name)
        (excepted if reason else counted).append(f"{text}; {reason}" if reason else text)
    return counted, excepted


def tls_scan(plan: Plan) -> list[Row]:
    """Scan; a quick run asks for protocols and server defaults alone."""
    testssl = program("testssl", "testssl.sh")
    result, log = plan.folder / "testssl.json", plan.folder / "testssl.log"
    options = ["--quiet", "--color", "0", "--warnings", "off", "--openssl-timeout", "10"]
    if plan.quick:
        options += ["--protocols", "--server-defaults", "--fast"]
    with served(plan.folder, "tls", "--tls-self-signed") as server:
        say("testssl: some minutes")
        run_with_progress(
            [testssl, *options, "--jsonfile", str(result), server.url],
            "testssl",
            plan.of(_QUICK_WITHIN_S, _WITHIN_S),
            log=log,
            cwd=plan.folder,
        )
    findings = json.loads(result.read_text())
    counted, excepted = judged(findings)
    for text in (*counted, *(f"not counted: {text}" for text in excepted)):
        say(f"testssl: {text}")
    plan.figures["testssl"] = {"findings": len(findings), "above_low": counted, "excepted": excepted}
    return [
        Row(
            "testssl on --tls-self-signed",
            f"{len(findings)} findings, {len(counted)} above LOW"
            + (f" besides {len(excepted)} explained" if excepted else ""),
            "0 above LOW",
            not counted and bool(findings),
        )
    ]
