# The locked packages and our wheel are installed where there is a pip; only the finished environment travels on.
# Pin it harder with --build-arg BASE=python:3.11-slim@sha256:…
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app
COPY requirements.lock /src/
RUN /app/bin/pip install --require-hashes -r /src/requirements.lock
COPY . /src/
RUN /app/bin/pip install --no-deps --no-build-isolation /src

FROM ${BASE}
# however python is started, the folder it is started in never shadows our packages
ENV PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PATH=/app/bin:$PATH
RUN useradd --create-home --uid 1000 mlops && install -d -o mlops -g mlops /project
COPY --from=build /app /app
USER mlops
WORKDIR /project
VOLUME /project
HEALTHCHECK --interval=60s --timeout=20s --start-period=10s CMD ["mlops-tui", "doctor"]
ENTRYPOINT ["mlops-tui"]
CMD ["up"]
