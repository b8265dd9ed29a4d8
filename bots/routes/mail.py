"""Alerts by mail: one thread for each alert, over TLS, the text as everywhere else (RFC 5321, 5322, 3207)."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from email.message import EmailMessage
from email.utils import format_datetime
from socket import gaierror, gethostname
from urllib.parse import urlsplit

from bots.routes.calling import Environment, secret
from bots.sender import LONGEST, NotSaid, PerhapsSaid
from mlops_tui.alerts.routing import Message
from mlops_tui.declarations.routes import Route, here
from mlops_tui.render.cells import clean
from mlops_tui.render.markdown import as_markdown

PORTS = {"smtp": 587, "smtps": 465}


def letter(message: Message, route: Route, to: Sequence[str], now: datetime, zone: tzinfo) -> EmailMessage:
    """The mail. Its Message-ID is the same at every try, so that a mailbox can tell a repeat; all that is said of one
    alert refers to the same root, and so stands in one thread."""
    domain = route.from_.rpartition("@")[2].strip(" >") or "mlops-tui.invalid"
    made = EmailMessage()
    made["From"], made["To"] = route.from_, ", ".join(to)
    made["Subject"] = " ".join(clean(f"[{message.project}] {message.subject}").split())[:200]
    made["Date"] = format_datetime(now)
    made["Message-ID"] = _id(message.key, domain)
    made["In-Reply-To"] = made["References"] = _id(message.thread, domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(as_markdown(message.view, zone=zone))
    return made


def _id(text: str, domain: str) -> str:
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:40]}@{domain}>"


def send(made: EmailMessage, route: Route, to: Sequence[str], environment: Environment,
         context: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> str:
    """Hand it to the server; its Message-ID, and who was refused. A password goes over TLS alone."""
    place = urlsplit(route.url)
    host, port = place.hostname or "", place.port or PORTS[place.scheme]
    seconds = route.timeout.total_seconds()
    try:
        server = smtplib.SMTP_SSL(host, port, gethostname(), timeout=seconds, context=context()) \
            if place.scheme == "smtps" else smtplib.SMTP(host, port, gethostname(), timeout=seconds)
    except (ConnectionRefusedError, gaierror) as problem:
        raise NotSaid("it cannot be reached", 1.0) from problem
    except (smtplib.SMTPException, OSError) as problem:
        raise NotSaid(f"no greeting ({type(problem).__name__})", 1.0) from problem
    try:
        _opened(server, route, host, environment, context)
        refused = server.send_message(made, to_addrs=list(to))
    except smtplib.SMTPRecipientsRefused as problem:
        raise NotSaid(f"refused for {', '.join(problem.recipients)}", None) from problem
    except smtplib.SMTPAuthenticationError as problem:
        raise NotSaid(f"{problem.smtp_code}: what {route.user_env} and {route.password_env} hold is not taken",
                      LONGEST) from problem
    except smtplib.SMTPResponseException as problem:
        said = f"{problem.smtp_code} {_text(problem.smtp_error)}"
        raise NotSaid(said, None if 500 <= problem.smtp_code < 600 else 1.0) from problem
    except (smtplib.SMTPException, OSError) as problem:
        raise PerhapsSaid(f"no answer ({type(problem).__name__})") from problem
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()
    return f"{made['Message-ID']}{f' refused for {chr(44).join(refused)}' if refused else ''}"


def _opened(server: smtplib.SMTP, route: Route, host: str, environment: Environment,
            context: Callable[[], ssl.SSLContext]) -> None:
    server.ehlo_or_helo_if_needed()
    if not isinstance(server, smtplib.SMTP_SSL):
        if server.has_extn("starttls"):
            server.starttls(context=context())
        elif route.user_env or not here(host):
            raise NotSaid("it offers no STARTTLS, and nothing is said in the open but on this machine", LONGEST)
    if route.user_env:
        server.login(secret(environment, route.user_env), secret(environment, route.password_env))


def _text(said: bytes | str) -> str:
    return " ".join((said.decode("utf-8", "replace") if isinstance(said, bytes) else said).split())[:200]
