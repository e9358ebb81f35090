# syntax=docker/dockerfile:1

# The wheels that the lock names, checked by their hashes, in an environment of their own.
FROM python:3.13-slim AS packages
# Compiled without the columns that tracebacks underline: they take 2 MB of each process.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONNODEBUGRANGES=1
RUN python -m venv /environment
COPY requirements.txt .
RUN /environment/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.txt

# The product with its static files collected: named by their content, and compressed.
FROM python:3.13-slim AS product
ENV PATH=/environment/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONNODEBUGRANGES=1
COPY --from=packages /environment /environment
WORKDIR /product
COPY manage.py ./
COPY config config
COPY accounts accounts
COPY connections connections
COPY requests_builder requests_builder
COPY operations operations
COPY templates templates
COPY static static
# Settings want keys and a place for them; these stay behind in this stage.
RUN DATA_DIR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
 && python -m compileall -q -j 0 /product /environment/lib

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --home-dir /nonexistent --no-create-home connector \
 && install -d -o connector -g connector -m 700 /data
COPY --from=product /environment /environment
COPY --from=product /product /product
ENV PATH=/environment/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNODEBUGRANGES=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    DATA_DIR=/data \
    LISTEN_HOST=0.0.0.0 \
    PORT=8000
WORKDIR /product
USER connector
VOLUME /data
EXPOSE 8000
# The worker and beat run the same image: `python -m config.background worker` and `... beat`. Their signs of
# life are files (config/heartbeat.py); docker-compose.yml shows the checks.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
