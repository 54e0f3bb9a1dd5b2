# For runs on an NVIDIA GPU: docker build -t fathom . (see docs/en/measure-everything.md; it has not been built by us).
# The wheels of torch bring CUDA; the machine brings the driver and NVIDIA's container runtime.
FROM python:3.11-slim

# git names the commit in every record; torch.compile needs a C compiler.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /fathom

# torch first and from the constraints alone, so that a change of our code installs none of it again.
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt torch torchvision

# With .git: a record without a commit is worth little. Whoever runs the container may read the folder's state.
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[runners]' \
    && git config --system --add safe.directory /fathom \
    && useradd --create-home fathom \
    && mkdir -m 1777 /cache \
    && chown -R fathom results

# One folder for all that is fetched or kept; mount it, and it outlives the container.
ENV FATHOM_WEIGHTS=/cache/weights \
    FATHOM_TRUTH=/cache/truth \
    HF_HOME=/cache/huggingface \
    NUMBA_CACHE_DIR=/cache/numba \
    TORCH_HOME=/cache/torch \
    TORCHINDUCTOR_CACHE_DIR=/cache/inductor \
    TRITON_CACHE_DIR=/cache/triton \
    HOME=/cache \
    LOGNAME=fathom

USER fathom
ENTRYPOINT ["runners"]
CMD ["doctor"]
