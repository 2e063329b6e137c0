"""Under which name a package index has a module, where the two differ."""

from __future__ import annotations

_DIFFERENT = """
attr attrs                      Bio biopython                   bs4 beautifulsoup4              cairosvg CairoSVG
Crypto pycryptodome             cv2 opencv-python-headless      dateutil python-dateutil        distutils setuptools
docx python-docx                dotenv python-dotenv            faiss faiss-cpu                 fitz pymupdf
git GitPython                   google.cloud.bigquery google-cloud-bigquery
google.cloud.storage google-cloud-storage                       google.protobuf protobuf        grpc grpcio
hydra hydra-core                igraph python-igraph            IPython ipython                 jose python-jose
jwt PyJWT                       Levenshtein python-Levenshtein  magic python-magic
mpl_toolkits matplotlib         mysql.connector mysql-connector-python                          MySQLdb mysqlclient
nacl pynacl                     OpenGL PyOpenGL                 OpenSSL pyOpenSSL               osgeo gdal
PIL pillow                      pkg_resources setuptools<81     pl_bolts lightning-bolts        pptx python-pptx
psycopg2 psycopg2-binary        pylab matplotlib                ruamel ruamel.yaml              serial pyserial
skimage scikit-image            sklearn scikit-learn            skopt scikit-optimize           slugify python-slugify
sksurv scikit-survival          socks PySocks                   tlz toolz                       umap umap-learn
usb pyusb                       websocket websocket-client      yaml pyyaml                     zmq pyzmq
_cffi_backend cffi
"""

_words = iter(_DIFFERENT.split())
PIP_NAMES = dict(zip(_words, _words, strict=True))
"""Module → requirement."""


def pip_name(module: str) -> str:
    """What to ask a package index for to get a module such as ``sklearn.svm``."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = PIP_NAMES.get(".".join(parts[:length]))
        if known:
            return known
    return parts[0].replace("_", "-")
